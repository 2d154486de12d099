import Foundation
import Runners
import StrictJSON
import Testing

/// `export-audit-log`: what it selects, the forms that it writes, and its own record.
extension AuditCommandTests {
  @Test(arguments: [
    "=1", "+1", "-1", "@x", "\u{FF1D}1", "\u{FF0B}1", "\u{FF0D}1", "\u{FF20}x", "\tx", "\rx", "\nx",
    " \u{A0}\u{3000}=1", "\u{200B}@x",
  ])
  func `what a spreadsheet may take for a formula is a text in CSV`(identity: String) throws {
    try write(1, at: "2026-01-30T12:00:00Z", .refresh, by: identity)
    try write(1, at: "2026-01-30T12:00:00Z", .refresh, by: "a" + identity)
    let lines = try program.run("export-audit-log", "--format", "csv").text
      .components(separatedBy: "\r\n")
    #expect(lines[1].contains(#","a"#) && !lines[1].contains(#","'"#))
    #expect(lines[2].contains(#","'"#))
  }

  @Test func `a quote that bears an accent does not end its cell in CSV`() throws {
    try write(1, at: "2026-01-30T12:00:00Z", .refresh, by: "a\"\u{301},=1")
    let csv = try program.run("export-audit-log", "--format", "csv").text
    // As bytes: to Swift such a quote is no quote.
    #expect(Data(csv.utf8).range(of: Data(",\"a\"\"\u{301},=1\",".utf8)) != nil)
  }

  @Test func `an export selects, and is itself recorded`() throws {
    try write(1, at: "2026-01-30T12:00:00Z", .provision, by: "alice")
    try write(1, at: "2026-01-31T12:00:00Z", .refresh, by: "bob")
    try write(1, at: "2026-02-01T12:00:00Z", .provision, by: "bob")
    func ids(_ arguments: String...) throws -> [Int64?] {
      let outcome = try program.run(["export-audit-log"] + arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors == "")
      return try outcome.text.split(separator: "\n").map {
        try JSONValue(parsing: Array($0.utf8)).object?["id"]?.integer
      }
    }
    #expect(try ids() == [3, 2, 1])
    let export = try #require(try program.auditLines().last)
    #expect(export["event_type"] == .string("export"))
    #expect(export["user_identity"] == .string(Program.actor))
    #expect(export["event_data"]?.object?["format"] == .string("jsonl"))
    #expect(try ids("--event-type", "provision") == [3, 1])
    #expect(try ids("--user", "bob") == [3, 2])
    #expect(try ids("--since", "2026-01-31", "--until", "2026-02-01") == [2])
    #expect(try ids("--user", "bob", "--limit", "1") == [3])
    #expect(try ids("--event-type", "export", "--limit", "2") == [8, 7])
    let last = try #require(try program.auditLines().last?["event_data"]?.object)
    #expect(last["only_event_type"] == .string("export"))
    #expect(last["limit"] == .integer(2))
  }

  @Test func `each form of an export is whole, and CSV has no formulas`() throws {
    try write(1201, at: "2026-01-30T12:00:00Z", .refresh, by: "=1+1\u{1B}\n")
    let json = try program.run("export-audit-log", "--format", "json").text
    let array = try #require(
      try JSONValue(parsing: Array(json.utf8), limits: .init(values: 100_000)).array)
    #expect(array.compactMap { $0.object?["id"]?.integer } == (1...1201).reversed())
    let csv = try program.run("export-audit-log", "--format", "csv").text
    let lines = csv.components(separatedBy: "\r\n")
    #expect(lines.count == 1204)
    #expect(
      lines[0]
        == #""id","timestamp","event_type","success","error_code","error_message","user_identity","issuer","oidc_sub","request_id","request_ip","user_agent","runner_id","runner_name","event_data","prev_hash","hash""#
    )
    #expect(lines[2].contains(#","'=1+1\u{1B}\n","#))
    #expect(lines[2].contains(#","{""labels"":[""gpu""]}","#))

    let path = program.file("export.jsonl")
    let outcome = try program.run("export-audit-log", "--output", path, "--limit", "2")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "Exported 2 records. Head of the log: \(try head())\n")
    #expect(try program.mode(of: path) == 0o600)
    #expect(try program.run("export-audit-log", "--output", path).status == 1)
    #expect(try program.run("export-audit-log", "--output", path, "--force").status == 0)
  }

  @Test func `what cannot be recorded is not exported`() throws {
    try write(1, at: "2026-01-30T12:00:00Z", .refresh, by: "alice")
    try FileManager.default.removeItem(atPath: program.file("audit.jsonl"))
    try FileManager.default.createDirectory(
      atPath: program.file("audit.jsonl"), withIntermediateDirectories: false)
    let outcome = try program.run("export-audit-log", "--output", program.file("export.jsonl"))
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("the audit log file cannot be written"))
    let names = try FileManager.default.contentsOfDirectory(atPath: program.file(""))
    #expect(!names.contains { $0.hasPrefix("export.jsonl") })
  }

  @Test func `a command that is interrupted leaves no part of a file`() throws {
    try write(20_000, at: "2026-01-30T12:00:00Z", .refresh, by: "alice")
    let outcome = try program.run(
      shell: """
        "$0" export-audit-log --output export.jsonl & id=$!
        while ! ls export.jsonl.partial-* >/dev/null 2>&1; do
          kill -0 $id 2>/dev/null || exit 3; sleep 0.01
        done
        kill -TERM $id; wait $id; echo "$?"; ls export.jsonl* 2>/dev/null
        """)
    #expect(outcome.text == "143\n")
    // The signal comes before the export is recorded, or after it.
    let log = try program.run("verify-audit-log").text
    #expect([20_000, 20_001].contains { log.hasPrefix("The audit log is whole: \($0) rows") })
  }
}
