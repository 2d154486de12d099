import Foundation
import Runners
import Storage
import TestSupport
import Testing

/// docs/OPERATIONS.md: its commands run as they stand there.
@Suite struct OperationsDocumentTests {
  private static let page: Result<String, any Error> = Result {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: "docs/OPERATIONS.md"), encoding: .utf8)
  }

  private let program: Program

  init() throws {
    program = try Program()
  }

  /// The blocks of code in this language.
  private static func blocks(_ language: String) throws -> [String] {
    try page.get().components(separatedBy: "\n```\(language)\n").dropFirst().map { rest in
      rest.components(separatedBy: "\n```")[0] + "\n"
    }
  }

  /// A log in which each of the questions has an answer.
  private func fill() throws {
    let time = try #require(Timestamp("2026-01-15T12:00:00Z"))
    for now in [time.adding(seconds: -86_400 * 60), time] {
      let database = try program.database(now: now)
      try database.write(auditedIn: AuditFile(path: program.file("audit.jsonl"))) { _, record in
        let alice = AuditEvent.Actor(
          identity: "alice@example.com", requestID: "0123456789abcdef", requestIP: "192.0.2.7")
        let data: [String: AuditEvent.Value] = ["labels": .texts(["gpu"])]
        try record(AuditEvent(.provision, actor: alice, runnerName: "ci-1", data: data))
        try record(
          AuditEvent(
            .provisionFailed, success: false, errorCode: "QUOTA_EXCEEDED", actor: alice,
            runnerName: "ci-1"))
      }
    }
    #expect(
      try program.run("set-label-policy", "--user", "alice@example.com", "--label", "gpu").status
        == 0)
  }

  /// Runs a block as an admin would, but on the test's own files.
  private func run(_ block: String) throws -> Program.Outcome {
    let script =
      block
      .replacing("/var/log/runner-token-service/audit.jsonl", with: program.file("audit.jsonl"))
      .replacing(
        "/var/lib/runner-token-service/runner_service.db", with: program.file("service.db")
      )
      .replacing("/var/backups/", with: program.file(""))
      .replacing(" --env-file /etc/runner-token-service/service.env", with: "")
    return try program.run(
      shell: """
        set -e
        mkdir -p bin
        ln -sf "$0" bin/runner-token-service
        PATH=$PWD/bin:$PATH
        \(script)
        """)
  }

  @Test func `every command runs as it stands there, and every question has an answer`() throws {
    let blocks = try Self.blocks("sh")
    let questions = blocks.filter { $0.hasPrefix("jq ") || $0.hasPrefix("sqlite3 ") }
    #expect(questions.count == 10)
    try fill()
    // On the whole log, before anything is archived.
    for block in questions + blocks.filter({ !questions.contains($0) }) {
      let outcome = try run(block)
      #expect(outcome.status == 0, "\(block)\(outcome.errors)")
      #expect(!outcome.text.isEmpty || block.contains("export-"), "\(block)")
    }
    #expect(FileManager.default.fileExists(atPath: program.file("audit-2025.jsonl")))
    #expect(FileManager.default.fileExists(atPath: program.file("january.csv")))
  }

  @Test func `the log is verified by the page's own program, before and after it is archived`()
    throws
  {
    let python = try #require(try Self.blocks("python").first)
    try python.write(toFile: program.file("verify.py"), atomically: true, encoding: .utf8)
    func verified() throws -> Program.Outcome {
      try program.run(shell: "python3 verify.py service.db")
    }
    func head() throws -> String {
      let head = try program.database().read { try $0.auditLog.head() }
      return "\(head.id) \(head.hash)\n"
    }
    #expect(try verified().text == "0 \(AuditChain.beginning)\n")
    try fill()
    #expect(try verified().text == head())
    #expect(
      try program.run("archive-audit-log", "--before", "2026-01-01", "--output", "old.jsonl")
        .status == 0)
    #expect(try verified().text == head())
    let edited = try program.run(
      shell: """
        sqlite3 service.db "DROP TRIGGER audit_log_keeps_rows_unchanged;
          UPDATE audit_log SET user_identity = 'mallory' WHERE id = 4"
        python3 verify.py service.db
        """)
    #expect(edited.status == 1)
    #expect(edited.errors == "row 4 is not what was written\n")
  }

  @Test func `every type of event is on the page`() throws {
    let rows = try Self.page.get().split(separator: "\n").filter {
      $0.hasPrefix("| `") && !$0.hasPrefix("| `event_type` ")
    }
    let names = Set(
      rows.flatMap { row in
        (row.split(separator: "|").first ?? "").matches(of: /`([a-z_]+)`/).map { String($0.1) }
      })
    let kinds =
      AuditEvent.Kind.allCases.map(\.rawValue) + SecurityEvent.Kind.allCases.map(\.rawValue)
    #expect(names == Set(kinds))
  }
}
