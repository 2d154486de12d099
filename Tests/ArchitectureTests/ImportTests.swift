import Foundation
import Testing

/// Holds the targets to the layers that they belong to: what a target may import, beside the C library and Foundation.
@Suite struct ImportTests {
  static let allowed: [String: Set<String>] = [
    "StrictJSON": [],
    "Concurrency": [],
    "Systemd": [],
    "Runners": ["Patterns"],
    "Patterns": ["CPCRE2"],
    "JOSE": ["COpenSSL", "StrictJSON"],
    "HTTPClient": ["CCurl", "Concurrency"],
    "OIDC": ["Concurrency", "HTTPClient", "JOSE", "Patterns", "StrictJSON"],
    "GitHub": ["Concurrency", "HTTPClient", "JOSE"],
    "Storage": ["CSQLite", "Concurrency", "GRDB", "JOSE", "Migrations", "Runners", "StrictJSON"],
    "FastCGI": ["CDispatch", "CFastCGI", "CLinux", "Concurrency"],
    "Maintenance": ["Concurrency", "GitHub", "Logging", "Runners", "Storage"],
    "APIDocument": ["Yams"],
    "TokenService": [
      "APIDocument", "Concurrency", "Configuration", "FastCGI", "GitHub", "HTTPClient", "JOSE",
      "Logging",
      "OIDC", "Patterns", "Runners", "Storage", "StrictJSON",
    ],
    "runner-token-service": [
      "ArgumentParser", "Concurrency", "Configuration", "FastCGI", "GitHub", "HTTPClient",
      "Logging",
      "Maintenance", "OIDC", "Patterns", "Runners", "Storage", "Systemd",
      "TokenService",
    ],
    "github-simulator": ["ArgumentParser", "Concurrency", "FastCGI", "JOSE", "StrictJSON"],
  ]
  static let everywhere: Set<String> = ["Foundation", "Glibc", "Dispatch"]

  static let sources = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources")

  /// The modules that a file's lines import, whatever stands before `import`.
  static func imports(in text: String) -> [String] {
    text.split(separator: "\n").compactMap { (line: Substring) -> String? in
      let words = line.split(separator: " ")
      guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count,
        words[..<keyword].allSatisfy({ $0.hasPrefix("@") || $0 == "public" || $0 == "package" })
      else { return nil }
      let kinds: Set<Substring> = ["struct", "class", "enum", "func", "var", "let", "typealias"]
      let module = words[(keyword + 1)...].first { !kinds.contains($0) } ?? ""
      return module.split(separator: ".").first.map(String.init)
    }
  }

  @Test(arguments: allowed.keys.sorted())
  func `a target imports only what its layer may`(target: String) throws {
    let folder = Self.sources.appendingPathComponent(target)
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil
    ).filter { $0.pathExtension == "swift" }
    #expect(!files.isEmpty)
    let allowed = try #require(Self.allowed[target]).union(Self.everywhere)
    for file in files {
      let imports = Self.imports(in: try String(contentsOf: file, encoding: .utf8))
      let foreign = Set(imports).subtracting(allowed)
      #expect(foreign.isEmpty, "\(target)/\(file.lastPathComponent)")
    }
  }

  @Test func `every target is held to this table`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path)
    let swiftTargets = folders.filter { folder in
      !FileManager.default.fileExists(
        atPath: Self.sources.appendingPathComponent(folder + "/module.modulemap").path)
    }
    #expect(Set(swiftTargets) == Set(Self.allowed.keys))
  }

  @Test func `each C library is imported by one target`() {
    for library in ["CCurl", "CFastCGI", "CLinux", "COpenSSL", "CPCRE2", "CSQLite"] {
      #expect(Self.allowed.values.count { $0.contains(library) } == 1, "\(library)")
    }
  }

  @Test func `an import is seen whatever stands before it`() {
    let text = "public import JOSE\n@testable import A\nimport struct Foundation.Date\nlet x = 1"
    #expect(Self.imports(in: text) == ["JOSE", "A", "Foundation"])
  }
}
