import Foundation
import Testing

/// Holds the table of layers in docs/ARCHITECTURE.md to the one that the sources are held to.
@Suite struct ArchitectureDocumentTests {
  /// Each target and what it may import, as the page has them.
  static func layers(in page: String) -> [String: Set<String>] {
    var layers: [String: Set<String>] = [:]
    for line in page.split(separator: "\n") {
      guard let row = line.wholeMatch(of: /\| `([\w-]+)` \| .+ \| (–|`.+`) \|/) else { continue }
      layers[String(row.1)] = Set(row.2.matches(of: /`(\w+)`/).map { String($0.1) })
    }
    return layers
  }

  @Test func `the page shows each target with what it may import`() throws {
    let page = try String(
      contentsOf: SecurityDocumentTests.root.appending(path: "docs/ARCHITECTURE.md"),
      encoding: .utf8)
    // Dispatch's C half comes with the toolchain.
    let allowed = ImportTests.allowed.mapValues { $0.subtracting(["CDispatch"]) }
    #expect(Self.layers(in: page) == allowed)
  }

  @Test func `a row is read, and one that differs is noticed`() {
    let page = "| `A-b` | something | `C`, `D` |\n| `E` | another | – |\n| `F` | a lock |"
    #expect(Self.layers(in: page) == ["A-b": ["C", "D"], "E": []])
  }
}
