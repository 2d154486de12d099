import Foundation
import GRDB
import Glibc
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// `export-audit-log`, `verify-audit-log` and `archive-audit-log`, run as an admin runs them.
@Suite struct AuditCommandTests {
  let program: Program

  init() throws {
    program = try Program()
  }

  func write(_ count: Int, at time: String, _ kind: AuditEvent.Kind, by user: String) throws {
    let now = try #require(Timestamp(time))
    let database = try program.database(now: now)
    try database.write(auditedIn: AuditFile(path: program.file("audit.jsonl"))) { _, record in
      for _ in 0..<count {
        try record(
          AuditEvent(kind, actor: .init(identity: user), data: ["labels": .texts(["gpu"])]))
      }
    }
  }

  func head() throws -> String {
    try program.database().read { try $0.auditLog.head().hash }
  }

  /// As somebody does who has the file and a tool for it.
  private func tamper(_ statement: String) throws {
    try DatabaseQueue(path: program.file("service.db")).write { database in
      let triggers = try Row.fetchAll(
        database, sql: "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
      ).map { (name: $0[0] as String, definition: $0[1] as String) }
      for trigger in triggers { try database.execute(sql: "DROP TRIGGER \(trigger.name)") }
      try database.execute(sql: statement)
      for trigger in triggers { try database.execute(sql: trigger.definition) }
    }
  }

  @Test func `a log is verified, and what is wrong with it is named`() throws {
    try write(3, at: "2026-01-31T12:00:00Z", .refresh, by: "alice")
    let head = try head()
    let mirror = program.file("audit.jsonl")
    let whole = try program.run("verify-audit-log", "--head", head, "--mirror", mirror)
    #expect(whole.status == 0)
    #expect(
      whole.text == """
        The audit log is whole: 3 rows, 1 to 3.
        \(mirror): 3 lines are as in the table.
        Nothing up to the head given has changed.
        Head: \(head)

        """)
    #expect(whole.errors == "")
    #expect(
      try program.run("verify-audit-log", "--json").text == """
        {"first_id":1,"head":"\(head)","last_id":3,"rows":3,"verified":true}

        """)
    let other = String(repeating: "a", count: 64)
    let missing = try program.run("verify-audit-log", "--head", other)
    #expect(missing.status == 1)
    #expect(missing.text == "")
    #expect(missing.errors.contains("no row has the hash \(other)"))

    try tamper("UPDATE audit_log SET user_identity = 'mallory' WHERE id = 2")
    let edited = try program.run("verify-audit-log")
    #expect(edited.status == 1)
    #expect(edited.text == "")
    #expect(
      edited.errors == """
        The audit log is not what was written: row 2 was edited: it does not match its hash.

        """)
    let json = try program.run("verify-audit-log", "--json")
    #expect(json.status == 1)
    #expect(
      json.text == """
        {"fault":"row 2 was edited: it does not match its hash","verified":false}

        """)
  }

  @Test(arguments: [
    ("3d", "1 records have no line between others that have one, the first 3", 1),
    ("$d", "the last line is of record 4, and the table goes on to 5", 1),
    ("1,$d", "there is no line, and the table goes on to 5", 1),
    ("p", "5 lines are of records that another line has, the first of record 1", 1),
    ("1,2d", "", 0),
  ])
  func `files that lack lines or have them twice are no whole mirror`(
    edit: String, fault: String, status: Int32
  ) throws {
    try write(5, at: "2026-01-31T12:00:00Z", .refresh, by: "alice")
    #expect(
      try program.run("verify-audit-log", "--mirror", program.file("audit.jsonl")).status == 0)
    _ = try program.run(shell: "sed '\(edit)' audit.jsonl > edited.jsonl")
    let text = try program.run("verify-audit-log", "--mirror", "edited.jsonl")
    #expect(text.status == status)
    #expect(text.text.contains("The audit log is whole: 5 rows"))
    if status == 0 {
      #expect(text.errors == "")
      #expect(
        text.text.contains("The first line is of record 3: for those from 1 on, give the files"))
    } else {
      #expect(text.errors.hasPrefix("The files given with --mirror are not whole: \(fault).\n"))
    }
    let json = try program.run("verify-audit-log", "--mirror", "edited.jsonl", "--json")
    #expect(json.status == status)
    let object = try #require(try JSONValue(parsing: Array(json.text.utf8)).object)
    #expect(object["verified"]?.bool == (status == 0))
    #expect((object["mirror_faults"] == nil) == (status == 0))
  }

  @Test func `triggers that were dropped are told though every row is whole`() throws {
    try write(1, at: "2026-01-31T12:00:00Z", .refresh, by: "alice")
    try DatabaseQueue(path: program.file("service.db")).write {
      try $0.execute(sql: "DROP TRIGGER audit_log_keeps_rows")
    }
    let change = "the trigger audit_log_keeps_rows is missing"
    let text = try program.run("verify-audit-log")
    #expect(text.status == 1)
    #expect(text.text.hasPrefix("The audit log is whole: 1 rows, 1 to 1.\n"))
    #expect(text.errors == "The audit log is not protected as it was: \(change).\n")
    let json = try program.run("verify-audit-log", "--json")
    #expect(json.status == 1)
    let outcome = try Program.parse(.string(json.text))
    #expect(outcome["verified"] == .bool(false))
    #expect(outcome["schema_changes"]?.strings == [change])
    #expect(outcome["fault"] == nil)
  }

  @Test func `a copy is verified without a configuration`() throws {
    try write(3, at: "2026-01-31T12:00:00Z", .refresh, by: "alice")
    let head = try head()
    #expect(try program.run("backup-db", "--output", "copy.db").status == 0)
    func verified(_ arguments: String = "") throws -> Program.Outcome {
      // No variable of the service is set, and no file of it is there.
      try program.run(
        shell: """
          mkdir -p elsewhere && mv copy.db elsewhere/ 2>/dev/null; cd elsewhere
          exec env -i "$0" verify-audit-log --database copy.db \(arguments)
          """)
    }
    let whole = try verified("--head \(head)")
    #expect(whole.errors == "")
    #expect(whole.status == 0)
    // With the record of the backup.
    #expect(whole.text.hasPrefix("The audit log is whole: 4 rows, 1 to 4.\n"))
    try DatabaseQueue(path: program.file("elsewhere/copy.db")).writeWithoutTransaction {
      try $0.execute(
        sql: """
          DROP TRIGGER audit_log_keeps_rows_unchanged;
          UPDATE audit_log SET user_identity = 'mallory' WHERE id = 2
          """)
    }
    let edited = try verified()
    #expect(edited.status == 1)
    #expect(edited.errors.contains("row 2 was edited"))
    #expect(edited.errors.contains("audit_log_keeps_rows_unchanged is missing"))
    #expect(try program.run("verify-audit-log", "--database", "absent").status == 1)
  }

  @Test(arguments: ["--mirror", "--archive"])
  func `a file that cannot be read is no whole log`(option: String) throws {
    let outcome = try program.run("verify-audit-log", option, "absent")
    #expect(outcome.status == 1)
    #expect(outcome.text == "")
    #expect(outcome.errors == "absent cannot be read: No such file or directory\n")
  }

  @Test(arguments: [
    ["verify-audit-log", "--head", "abc"], ["verify-audit-log", "--archive", "a", "--mirror", "b"],
    ["archive-audit-log", "--output", "a"], ["archive-audit-log", "--before", "2026-01-31"],
    ["archive-audit-log", "--before", "soon", "--output", "a"],
    ["export-audit-log", "--since", "yesterday"], ["export-audit-log", "--limit", "0"],
    ["export-audit-log", "--event-type", "x"], ["export-audit-log", "--force"],
    ["export-audit-log", "--since", "2026-01-31", "--until", "2026-01-31"],
  ])
  func `options without sense are refused`(arguments: [String]) throws {
    let outcome = try program.run(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.text == "")
  }

  @Test(arguments: ["verify-audit-log", "archive-audit-log", "export-audit-log"])
  func `help has an example`(command: String) throws {
    let outcome = try program.run(command, "--help")
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("Example:\n  runner-token-service \(command) "))
  }

  @Test func `an archive is written, verified, and missing from nowhere`() throws {
    try write(2, at: "2026-01-30T12:00:00Z", .refresh, by: "alice")
    let middle = try head()
    try write(2, at: "2026-01-31T12:00:00Z", .refresh, by: "bob")
    let path = program.file("old.jsonl")
    let arguments = ["archive-audit-log", "--before", "2026-01-31", "--output", path]
    let dryRun = try program.run(arguments + ["--dry-run"])
    #expect(dryRun.status == 0)
    #expect(dryRun.text == "2 rows, 1 to 2, would be moved. Nothing was changed.\n")
    #expect(!FileManager.default.fileExists(atPath: path))
    let outcome = try program.run(arguments)
    #expect(outcome.status == 0)
    let sum = try ChildProcess.run("/usr/bin/sha256sum", [path])
    let digest = String(decoding: sum.prefix(64), as: UTF8.self)
    #expect(
      outcome.text == """
        Moved 2 rows, 1 to 2, to \(path).
        SHA-256 of the file: \(digest)
        Head of the archive: \(middle)

        """)
    #expect(try program.mode(of: path) == 0o600)
    #expect(
      try program.run("verify-audit-log", "--archive", path).text == """
        The archive is whole: 2 rows, 1 to 2.
        Head: \(middle)

        """)
    let rest = try program.run("verify-audit-log").text
    #expect(
      rest.hasPrefix(
        """
        The audit log is whole: 3 rows, 3 to 5.
        Rows 1 to 2 are archived in the file with SHA-256 \(digest): verify it too, with --archive.

        """))
    let json = try Program.parse(.string(try program.run("verify-audit-log", "--json").text))
    #expect(json["archive_sha256"]?.strings == [digest])
    #expect(json["archived_through"] == .integer(2))
    let export = try program.run("export-audit-log", "--since", "2026-01-30")
    #expect(export.status == 0)
    #expect(
      export.errors
        == "Records from before 2026-01-31T12:00:00.000Z have been archived, and are not in this export.\n"
    )
    #expect(try program.run("export-audit-log", "--since", "2026-01-31T12:00:00Z").errors == "")
    let last = try #require(
      try program.auditLines().last { $0["event_type"] == .string("archive") })
    #expect(last["user_identity"] == .string(Program.actor))
    #expect(last["event_data"]?.object?["archive_sha256"] == .string(digest))

    // The file is never written over.
    let again = try program.run("archive-audit-log", "--before", "2027-01-01", "--output", path)
    #expect(again.status == 1)
    #expect(again.errors.contains("exists"))
    #expect(try program.run("verify-audit-log").text.contains("whole: 5 rows, 3 to 7."))
    #expect(
      try program.run("archive-audit-log", "--before", "2026-01-01", "--output", path + "2").text
        == "There are no records from before 2026-01-01T00:00:00.000Z.\n")
    #expect(!FileManager.default.fileExists(atPath: path + "2"))
  }

  @Test func `a full disk leaves the log as it is and no archive`() throws {
    try write(300, at: "2026-01-30T12:00:00Z", .refresh, by: "alice")
    let outcome = try program.run(
      shell:
        "ulimit -f 128; trap '' XFSZ; exec \"$0\" archive-audit-log --before 2026-01-31 --output old.jsonl"
    )
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cannot be written"))
    #expect(!FileManager.default.fileExists(atPath: program.file("old.jsonl")))
    #expect(
      try program.run("verify-audit-log").text.hasPrefix("The audit log is whole: 300 rows"))
  }

  @Test func `where the audit log's file cannot be brought up to date no archive appears`() throws {
    try write(2, at: "2026-01-30T12:00:00Z", .refresh, by: "alice")
    let arguments = ["archive-audit-log", "--before", "2026-01-31", "--output", "old.jsonl"]
    let lock = program.file("service.db.mirror.lock")
    let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    let outcome = try program.run(arguments)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("another process holds the lock \(lock); try again"))
    #expect(!FileManager.default.fileExists(atPath: program.file("old.jsonl")))
    #expect(flock(descriptor, LOCK_UN) == 0)
    #expect(try program.run(arguments).status == 0)
    #expect(FileManager.default.fileExists(atPath: program.file("old.jsonl")))
  }
}
