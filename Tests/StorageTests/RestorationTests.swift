import Foundation
import GRDB
import Migrations
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct RestorationTests {
  private let directory: TemporaryDirectory
  private let path: String
  private let backup: String
  private let file: AuditFile
  private let now: Timestamp

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("service.db")
    backup = directory.file("backup.db")
    file = AuditFile(path: directory.file("audit.jsonl"))
    now = try #require(Timestamp("2026-01-31T12:00:00Z"))
    try Storage.Database.migrate(path: path, now: now)
  }

  private func open() throws -> Storage.Database {
    let now = now
    return try Storage.Database(path: path) { now }
  }

  private func record(_ count: Int) throws {
    let database = try open()
    for _ in 0..<count {
      try database.write(auditedIn: file) { _, record in
        try record(AuditEvent(.refresh, actor: .init(identity: "alice")))
      }
    }
  }

  private func restoration(
    head: String? = nil, isDryRun: Bool = false
  ) throws -> DatabaseRestoration {
    try DatabaseRestoration(
      of: backup, toDatabaseAt: path, head: head, isDryRun: isDryRun, now: now)
  }

  private func names() throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: directory.path))
  }

  @Test func `a backup takes the database's place, and what was there stays beside it`() throws {
    try record(2)
    try open().backUp(to: backup)
    let backedUp = try open().read { try $0.auditLog.head() }
    try record(3)
    let lost = try open().read { try $0.auditLog.head() }

    func restore() throws -> DatabaseRestoration.Outcome {
      let restoration = try restoration()
      #expect(restoration.log.head == backedUp)
      #expect(
        restoration.former == .readable(head: lost, newerRecords: 3, continuesBackup: true))
      return try restoration.place(auditedIn: file, by: .init(identity: "cli:root"))
    }
    let outcome = try restore()
    #expect(outcome.head.id == 3)
    #expect(
      Set(outcome.setAside).isSuperset(of: [
        directory.file("audit-before-restore-20260131T120000Z.jsonl"),
        directory.file("service.db.before-restore-20260131T120000Z"),
        directory.file("service.db.before-restore-20260131T120000Z-wal"),
      ]))
    #expect(try !names().contains { $0.contains(".restore-") && !$0.hasSuffix(".lock") })
  }

  @Test func `the restored database goes on, its record says what was lost, and the file agrees`()
    throws
  {
    try record(2)
    try open().backUp(to: backup)
    try record(3)
    let lost = try open().read { try $0.auditLog.head() }
    _ = try restoration().place(auditedIn: file, by: .init(identity: "cli:root"))

    try record(1)
    let database = try open()
    #expect(try database.verifyAuditLog().head.id == 4)
    let event = try database.read { try $0.auditLog.record(id: 3) }
    #expect(event?[.eventType] == "restore")
    let data = AuditJSON.values(event?[.eventData])
    #expect(data?["lost_records"] == .number(3))
    #expect(data?["replaced_head"] == .text(lost.hash))
    // The new file has what came since, each once, and the one that was put aside has what was lost.
    #expect(try database.catchUp(file).records == 0)
    #expect(try database.verifyMirror(path: file.path).lines == 2)
    let aside = directory.file("audit-before-restore-20260131T120000Z.jsonl")
    #expect(
      throws: AuditFault.mirrorBeforeRestore(id: 3, line: 3, path: aside, record: 3, last: 2)
    ) {
      try database.verifyMirror(path: aside)
    }
    // And the old database is what it was.
    let former = try Storage.Database(
      path: directory.file("service.db.before-restore-20260131T120000Z")
    ) { [now] in now }
    #expect(try former.verifyAuditLog().head == lost)
  }

  @Test func `nothing is restored while anybody has the database open`() throws {
    try open().backUp(to: backup)
    let worker = try open()
    #expect {
      _ = try restoration()
    } throws: { error in
      (error as? RestoreRefusal)?.description.contains("in use") == true
    }
    // A look changes nothing, and may be taken beside workers.
    #expect(try restoration(isDryRun: true).log.rows == 0)
    try worker.checkWritable()
  }

  @Test func `nobody opens the database while it is being restored`() throws {
    try open().backUp(to: backup)
    do {
      let restoration = try restoration()
      #expect {
        _ = try open()
      } throws: { error in
        "\(error)".contains("being restored")
      }
      withExtendedLifetime(restoration) {}
    }
    _ = try open()
  }

  @Test(arguments: ["text", "empty", "other", "torn", "newer", "edited", "unprotected", "prepared"])
  func `a file that is no sound backup is refused, and all is as it was`(kind: String) throws {
    try record(2)
    try open().backUp(to: backup)
    switch kind {
    case "text": try Data("no database, but long enough".utf8).write(to: URL(filePath: backup))
    case "empty": try Data().write(to: URL(filePath: backup))
    case "other":
      try FileManager.default.removeItem(atPath: backup)
      try DatabaseQueue(path: backup).write { try $0.execute(sql: "CREATE TABLE other (x)") }
    case "torn":
      let handle = try FileHandle(forWritingTo: URL(filePath: backup))
      try handle.truncate(atOffset: 40_960)
    case "newer":
      try DatabaseQueue(path: backup).write {
        try $0.execute(
          sql: "INSERT INTO schema_migrations VALUES (99, '0099_newer', 'x', '2030-01-01')")
      }
    case "unprotected":
      try DatabaseQueue(path: backup).write {
        try $0.execute(sql: "DROP TRIGGER audit_log_keeps_rows_unchanged")
      }
    case "prepared":
      try DatabaseQueue(path: backup).write {
        try $0.execute(
          sql: """
            CREATE TRIGGER later AFTER INSERT ON runners BEGIN DELETE FROM audit_mirror; END
            """)
      }
    default:
      try DatabaseQueue(path: backup).write {
        try $0.execute(
          sql: """
            DROP TRIGGER audit_log_keeps_rows_unchanged;
            UPDATE audit_log SET user_identity = 'mallory' WHERE id = 1;
            """)
      }
    }
    let head = try open().read { try $0.auditLog.head() }
    let before = try names()
    #expect(throws: (any Error).self) { _ = try restoration() }
    #expect(try names().subtracting(before) == [])
    #expect(try open().read { try $0.auditLog.head() } == head)
  }

  @Test func `a head that was noted must be in the backup`() throws {
    try record(2)
    let old = try open().read { try $0.auditLog.head() }
    try open().backUp(to: backup)
    try record(1)
    let newer = try open().read { try $0.auditLog.head() }
    #expect(try restoration(head: old.hash, isDryRun: true).log.head == old)
    #expect(throws: AuditFault.headMissing(newer.hash)) {
      _ = try restoration(head: newer.hash, isDryRun: true)
    }
  }

  @Test func `a backup of before an upgrade is brought to the present`() throws {
    let dump = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "Schemas/v3.sql")
    let sql = try String(contentsOf: dump, encoding: .utf8)
    let queue = try DatabaseQueue(path: backup)
    try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
    try queue.close()
    do {
      let restoration = try restoration()
      #expect(restoration.migrations.count == Migration.all.count - 3)
      _ = try restoration.place(auditedIn: file, by: .init())
    }
    let labels = try open().read { try $0.labelPolicies.policy(of: "alice@example.com")?.revision }
    #expect(labels == 2)
  }

  @Test func `a database that cannot be read can be replaced`() throws {
    try record(1)
    try open().backUp(to: backup)
    try Data("no database".utf8).write(to: URL(filePath: path))
    do {
      let restoration = try restoration()
      guard case .unreadable = restoration.former else {
        Issue.record("\(restoration.former)")
        return
      }
      _ = try restoration.place(auditedIn: file, by: .init())
    }
    #expect(try open().verifyAuditLog().head.id == 2)
  }

  @Test func `where the record cannot be written everything is as before`() throws {
    try record(2)
    try open().backUp(to: backup)
    try record(1)
    let head = try open().read { try $0.auditLog.head() }
    let restoration = try restoration()
    // What stands where the old file is to go.
    try Data().write(
      to: URL(filePath: directory.file("service.db.before-restore-20260131T120000Z")))
    let lines = try String(contentsOfFile: file.path, encoding: .utf8)
    #expect(throws: RestoreRefusal.self) {
      _ = try restoration.place(auditedIn: file, by: .init())
    }
    #expect(try String(contentsOfFile: file.path, encoding: .utf8) == lines)
    let now = now
    let database = try Storage.Database(path: path, use: nil) { now }
    #expect(try database.read { try $0.auditLog.head() } == head)
  }
}
