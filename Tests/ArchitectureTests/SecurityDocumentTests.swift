import Foundation
import Testing

/// Holds the table of attacks in docs/SECURITY.md to the tests that it names.
@Suite struct SecurityDocumentTests {
  /// A test, as the page names it.
  struct Reference: Equatable {
    let test: String
    /// From the root of the repository.
    let path: String

    /// nil where there is such a test.
    var fault: String? {
      guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else {
        return "there is no file \(path)"
      }
      return forms.contains(where: text.contains) ? nil : "\(path) has no test \(test)"
    }

    /// How a test is written: a function in Swift, and elsewhere what a script says of a step.
    private var forms: [String] {
      if path.hasSuffix(".swift") { return ["func `\(test)`"] }
      return ["check", "echo", "begin"].flatMap { ["\($0) '\(test)'", "\($0) \"\(test)\""] }
    }
  }

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func page() throws -> String {
    try String(contentsOf: root.appending(path: "docs/SECURITY.md"), encoding: .utf8)
  }

  /// The last column of each row that tells of an attack.
  static func evidence(in page: String) -> [String] {
    page.split(separator: "\n").compactMap { line in
      let cells = line.components(separatedBy: " | ")
      guard line.hasPrefix("| "), cells.count == 3,
        line.contains("Tests/") || line.contains("scripts/")
      else { return nil }
      return cells[2].replacing(" |", with: "")
    }
  }

  static func references(in evidence: String) -> [Reference?] {
    evidence.components(separatedBy: "<br>").map { text in
      text.wholeMatch(of: /`([^`]+)` in \[[\w-]+\]\(\.\.\/((?:Tests|scripts)\/[^)]+)\)/).map {
        Reference(test: String($0.1), path: String($0.2))
      }
    }
  }

  @Test func `every attack on the page is shown by a test that exists`() throws {
    let evidence = try Self.evidence(in: Self.page())
    #expect(evidence.count >= 140)
    for reference in evidence.flatMap(Self.references) {
      let reference = try #require(reference, "a row's last column is not in the agreed form")
      #expect(reference.fault == nil)
    }
  }

  @Test func `every row of the tables of attacks has its tests`() throws {
    let page = try Self.page()
    let start = try #require(page.range(of: "\n## Known attacks\n"))
    let end = try #require(page.range(of: "\n## ", range: start.upperBound..<page.endIndex))
    let lines = page[start.upperBound..<end.lowerBound].split(separator: "\n")
    let rows = lines.filter { $0.hasPrefix("|") && !$0.hasPrefix("| attack |") }
      .filter { !$0.hasPrefix("|---") }
    #expect(rows.count == Self.evidence(in: page).count)
  }

  @Test func `every file that the page links to exists`() throws {
    let links = try Self.page().matches(of: /\]\(\.\.\/([^)#]+)\)/).map { String($0.1) }
    #expect(links.count >= 64)
    for link in Set(links) {
      let path = Self.root.appending(path: link).path
      #expect(FileManager.default.fileExists(atPath: path), "\(link)")
    }
  }

  @Test func `a test or a file that is gone is noticed`() {
    let own = "Tests/ArchitectureTests/SecurityDocumentTests.swift"
    // In two parts, so that this line is not what is found.
    let here = Reference(test: "a test or a file " + "that is gone is noticed", path: own)
    #expect(here.fault == nil)
    #expect(Reference(test: "a test that nobody " + "has written", path: own).fault != nil)
    #expect(Reference(test: here.test, path: "Tests/ArchitectureTests/Gone.swift").fault != nil)
    let script = "Tests/Systemd/inside"
    #expect(Reference(test: "no capabilities", path: script).fault == nil)
    // It is in the script, but no step of it.
    #expect(Reference(test: "capabilities", path: script).fault != nil)
  }

  @Test func `a row is read, and one of another form is noticed`() {
    let page = """
      # Security
      | attack | what stops it | shown by |
      |---|---|---|
      | a | b | `c d` in [E](../Tests/X/E.swift)<br>`f` in [G](../Tests/X/G.swift) |
      | a | b | `c d` in Tests/X/E.swift |
      | a | b | `it's so` in [check-x](../scripts/check-x) |
      """
    let evidence = Self.evidence(in: page)
    #expect(evidence.count == 3)
    #expect(
      evidence.map(Self.references) == [
        [
          Reference(test: "c d", path: "Tests/X/E.swift"),
          Reference(test: "f", path: "Tests/X/G.swift"),
        ], [nil], [Reference(test: "it's so", path: "scripts/check-x")],
      ])
    #expect(Self.evidence(in: "# Security").isEmpty)
  }
}
