import Foundation
import Glibc
import Runners
import Storage
import StrictJSON
import Testing

/// `export-security-events`, run as an admin runs it.
@Suite struct SecurityEventExportTests {
  let program: Program

  init() throws {
    program = try Program()
  }

  private func record(_ count: Int, at time: String, _ kind: SecurityEvent.Kind, _ identity: String)
    throws
  {
    let now = try #require(Timestamp(time))
    try program.database(now: now).write { transaction in
      for number in 0..<count {
        try transaction.securityEvents.record(
          SecurityEvent(
            kind,
            actor: .init(identity: identity, issuer: "i", subject: "\(identity)-\(number)"),
            runnerName: "ci", data: ["labels": .texts(["gpu"])]))
      }
    }
  }

  private func export(_ arguments: String...) throws -> [JSONObject] {
    let outcome = try program.run(["export-security-events"] + arguments)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try outcome.text.split(separator: "\n").map {
      try #require(try JSONValue(parsing: Array($0.utf8)).object)
    }
  }

  @Test func `more events than a page are exported once each, newest first`() throws {
    try record(2501, at: "2026-01-31T12:00:00Z", .quotaExceeded, "alice")
    let ids = try export().map { $0["id"]?.integer ?? 0 }
    #expect(ids == (1...2501).reversed().map(Int64.init))
    let array = try program.run("export-security-events", "--format", "json").text
    let parsed = try JSONValue(parsing: Array(array.utf8), limits: .init(values: 200_000)).array
    #expect(parsed?.count == 2501)
  }

  @Test func `severity and dates select`() throws {
    try record(1, at: "2026-01-30T23:59:59.999Z", .quotaExceeded, "a")
    try record(1, at: "2026-01-31T00:00:00Z", .tokenReplay, "b")
    try record(1, at: "2026-02-01T00:00:00Z", .quotaExceeded, "c")
    func identities(_ arguments: String...) throws -> [String?] {
      let outcome = try program.run(["export-security-events"] + arguments)
      return try outcome.text.split(separator: "\n").map {
        try JSONValue(parsing: Array($0.utf8)).object?["user_identity"]?.string
      }
    }
    #expect(try identities() == ["c", "b", "a"])
    #expect(try identities("--severity", "low") == ["c", "a"])
    #expect(try identities("--severity", "high") == ["b"])
    #expect(try identities("--since", "2026-01-31") == ["c", "b"])
    #expect(try identities("--since", "2026-01-31", "--until", "2026-02-01") == ["b"])
    #expect(try identities("--until", "2026-01-31T01:00:00+01:00") == ["a"])
  }

  @Test(arguments: [
    ["--since", "yesterday"], ["--until", "2026-02-30"], ["--since", "31.01.2026"],
    ["--since", "2026-02-30T00:00:00Z"], ["--since", "2026-1-1"], ["--since", ""],
  ])
  func `a bad date is told what is accepted`(arguments: [String]) throws {
    let outcome = try program.run(["export-security-events"] + arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("2026-01-31T12:00:00Z"))
    #expect(outcome.errors.contains("a day like 2026-01-31"))
  }

  @Test(arguments: [
    ["--since", "2026-01-31", "--until", "2026-01-31"], ["--severity", "grave"], ["--force"],
    ["--format", "xml"], ["--output", ""],
  ])
  func `options without sense are refused`(arguments: [String]) throws {
    #expect(try program.run(["export-security-events"] + arguments).status == 64)
  }

  @Test func `a cell that would be a formula is none in CSV, and controls are escaped`() throws {
    let time = "2026-01-31T12:00:00Z"
    for identity in [
      "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "a\"b,c", "x\r\n\u{1B}", "a=b",
    ] {
      try record(1, at: time, .quotaExceeded, identity)
    }
    let outcome = try program.run("export-security-events", "--format", "csv")
    let lines = outcome.text.components(separatedBy: "\r\n")
    #expect(lines.count == 11)
    #expect(lines.first?.hasPrefix("\"id\",\"timestamp\",\"last_seen_at\",\"count\"") == true)
    for cell in [
      "'=1+1", "'+1", "'-1", "'@SUM(A1)", "' =1", "'\\t=1", "a\"\"b,c", "x\\r\\n\\u{1B}", "a=b",
    ] {
      #expect(outcome.text.contains(",\"\(cell)\",\"i\","), "\(cell)")
    }
    #expect(!outcome.text.contains("\u{1B}"))
  }

  @Test func `a file is for its owner only, and not replaced unless that is wanted`() throws {
    try record(1, at: "2026-01-31T12:00:00Z", .quotaExceeded, "alice")
    let path = program.file("events.jsonl")
    #expect(try program.run("export-security-events", "--output", path).status == 0)
    let written = try String(contentsOfFile: path, encoding: .utf8)
    #expect(written.contains("alice"))
    #expect(try program.mode(of: path) == 0o600)

    try "mine".write(toFile: path, atomically: false, encoding: .utf8)
    let refused = try program.run("export-security-events", "--output", path)
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--force"))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")

    chmod(path, 0o644)
    #expect(try program.run("export-security-events", "--output", path, "--force").status == 0)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == written)
    #expect(try program.mode(of: path) == 0o600)

    let link = program.file("link")
    try FileManager.default.createSymbolicLink(
      atPath: link, withDestinationPath: program.file("elsewhere"))
    #expect(try program.run("export-security-events", "--output", link).status == 1)
    #expect(!FileManager.default.fileExists(atPath: program.file("elsewhere")))
  }

  @Test func `a full disk is a failure`() throws {
    try record(1, at: "2026-01-31T12:00:00Z", .quotaExceeded, "alice")
    let outcome = try program.run(
      shell: "exec \"$0\" export-security-events > /dev/full")
    #expect(outcome.status == 1)
    #expect(outcome.errors == "standard output cannot be written: No space left on device\n")
  }

  @Test(arguments: [
    "check-config", "status", "list-label-policies", "set-label-policy --user bob --label gpu",
    "export-audit-log --format json", "export-audit-log --format csv", "verify-audit-log",
    "report --since 2026-01-01",
  ])
  func `no command ends well whose output is lost`(command: String) throws {
    let lost = try program.run(shell: "exec \"$0\" \(command) > /dev/full")
    #expect(lost.status == 1)
    #expect(lost.errors.contains("standard output cannot be written: No space left on device"))
    #expect(!lost.errors.contains("Domain"))
    #expect(try program.run(shell: "exec \"$0\" \(command)").status == 0)
  }
}
