import Foundation
import GRDB
import Migrations
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct AuditChainTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  @Test func `a log that nobody touched is whole`() throws {
    #expect(
      try log.database.verifyAuditLog()
        == VerifiedAuditLog(
          rows: 0, firstID: 1, head: AuditHead(id: 0, hash: AuditChain.beginning)))
    try log.write(5)
    let verified = try log.database.verifyAuditLog()
    #expect(verified.rows == 5)
    #expect(verified.firstID == 1)
    #expect(verified.head == (try log.head()))
    #expect(try log.database.verifyMirror(path: log.filePath).lines == 5)
  }

  /// Each on a log of ten rows.
  static let attempts: [(String, [String], AuditFault)] = [
    (
      "edited", ["UPDATE audit_log SET user_identity = 'mallory' WHERE id = 4"], .edited(4)
    ),
    ("emptied", ["UPDATE audit_log SET user_agent = NULL WHERE id = 4"], .edited(4)),
    (
      "edited where readers do not look",
      ["UPDATE audit_log SET runner_name = CAST(x'63692d310065' AS TEXT) WHERE id = 4"], .edited(4)
    ),
    (
      "edited to what is no text",
      ["UPDATE audit_log SET runner_name = CAST(x'ff' AS TEXT) WHERE id = 4"], .unreadable(4)
    ),
    (
      "edited twice",
      [
        "UPDATE audit_log SET user_identity = 'mallory' WHERE id = 3",
        "UPDATE audit_log SET runner_name = CAST(x'ff' AS TEXT) WHERE id = 4",
      ], .edited(3)
    ),
    ("made a success", ["UPDATE audit_log SET success = 0 WHERE id = 10"], .edited(10)),
    ("removed", ["DELETE FROM audit_log WHERE id = 4"], .removed(4...4)),
    ("removed at the beginning", ["DELETE FROM audit_log WHERE id <= 2"], .removed(1...2)),
    (
      "removed and closed up",
      ["DELETE FROM audit_log WHERE id = 4", "UPDATE audit_log SET id = id - 1 WHERE id > 4"],
      .edited(4)
    ),
    (
      "swapped",
      [
        "UPDATE audit_log SET id = 100 WHERE id = 4", "UPDATE audit_log SET id = 4 WHERE id = 7",
        "UPDATE audit_log SET id = 7 WHERE id = 100",
      ], .moved(4, writtenAs: 7)
    ),
    ("cut off", ["DELETE FROM audit_log WHERE id > 8"], .cutOff(9...10)),
    ("all removed", ["DELETE FROM audit_log"], .cutOff(1...10)),
    (
      "appended by hand",
      [
        """
        INSERT INTO audit_log (timestamp, event_type, success, prev_hash, hash)
          SELECT timestamp, 'provision', 1, hash, hash FROM audit_log WHERE id = 10
        """
      ], .edited(11)
    ),
    (
      "removed as if it were archived",
      [
        """
        INSERT INTO audit_anchors
          SELECT 'x', 1, '\(AuditChain.beginning)', 4, hash, timestamp FROM audit_log WHERE id = 4
        """, "DELETE FROM audit_log WHERE id <= 4",
      ], .unrecordedArchive(through: 4)
    ),
  ]

  @Test(arguments: attempts)
  func `what was done to a row is found`(
    what: String, statements: [String], fault: AuditFault
  ) throws {
    try log.write(10)
    #expect(try log.fault() == nil)
    for statement in statements { try log.tamper(statement) }
    #expect(try log.fault() == fault)
  }

  /// Computes the hashes anew from the row on, as somebody does who has read the document.
  private func hashAgain(from id: Int64) throws {
    for record in try log.database.read({ try $0.auditLog.records(after: id - 1, limit: 100) }) {
      let previous =
        try log.database.read { try $0.auditLog.hash(id: record.id - 1) } ?? AuditChain.beginning
      let hash = try AuditChain.hash(
        id: record.id, values: record.values, previousHash: previous)
      try log.tamper(
        "UPDATE audit_log SET prev_hash = '\(previous)', hash = '\(hash)' WHERE id = \(record.id)")
    }
  }

  @Test func `a row that was edited and hashed anew is found by the next`() throws {
    try log.write(10)
    let last = try log.head()
    try log.tamper("UPDATE audit_log SET user_identity = 'mallory' WHERE id = 4")
    let record = try #require(try log.database.read { try $0.auditLog.record(id: 4) })
    let hash = try AuditChain.hash(
      id: 4, values: record.values, previousHash: record.previousHash)
    try log.tamper("UPDATE audit_log SET hash = '\(hash)' WHERE id = 4")
    #expect(try log.fault() == .replaced(4))
    #expect(try log.head() == last)
  }

  @Test func `all hashes anew are found by a head noted earlier, and by the mirror`() throws {
    try log.write(10)
    let noted = try log.head().hash
    try log.write(2)
    #expect(try log.fault(head: noted) == nil)
    try log.tamper("UPDATE audit_log SET user_identity = 'mallory' WHERE id = 4")
    try hashAgain(from: 4)
    #expect(try log.fault() == nil)
    #expect(try log.fault(head: noted) == .headMissing(noted))
    #expect(
      try log.mirrorFault() == .mirrorDiffers(id: 4, line: 4, path: log.filePath))
  }

  @Test func `a tail that was cut off without a trace in the table is found by the same`() throws {
    try log.write(10)
    let noted = try log.head().hash
    try log.tamper(
      "DELETE FROM audit_log WHERE id > 8", "UPDATE sqlite_sequence SET seq = 8")
    #expect(try log.fault() == nil)
    #expect(try log.fault(head: noted) == .headMissing(noted))
    #expect(try log.mirrorFault() == .mirrorDiffers(id: 9, line: 9, path: log.filePath))
  }

  @Test func `rows that were cut off leave a gap even if others follow`() throws {
    try log.write(10)
    try log.tamper("DELETE FROM audit_log WHERE id > 8")
    try log.write(3)
    #expect(try log.fault() == .removed(9...10))
  }

  @Test(arguments: [
    "UPDATE audit_log SET user_identity = 'x' WHERE id = 1",
    "UPDATE audit_log SET hash = NULL", "DELETE FROM audit_log WHERE id = 1",
    "INSERT INTO audit_log (timestamp, event_type, success) VALUES ('x', 'x', 1)",
    "DELETE FROM audit_anchors", "UPDATE audit_anchors SET last_id = last_id - 1",
    "UPDATE audit_anchors SET archive_sha256 = 'y', last_id = last_id + 1",
    "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log",
  ])
  func `the table refuses anything but the next row`(statement: String) throws {
    try log.write(4)
    try DatabaseQueue(path: log.path).write { database in
      try database.execute(
        sql: "INSERT INTO audit_anchors VALUES ('x', -3, 'x', 0, 'x', 'x')")
    }
    func state() throws -> [AuditRecord] {
      try log.database.read { try $0.auditLog.records(after: 0, limit: 100) }
    }
    let before = try state()
    #expect(throws: DatabaseError.self) {
      try DatabaseQueue(path: log.path).write { try $0.execute(sql: statement) }
    }
    #expect(try state() == before)
  }

  @Test func `a NUL and any other character are stored and hashed alike`() throws {
    let hostile = "a\0b\n\u{1B}\u{202E}\u{E9}\u{1F4A9}"
    try log.write(1, by: hostile)
    let record = try #require(try log.database.read { try $0.auditLog.record(id: 1) })
    #expect(record[.userIdentity] == hostile.replacing("\0", with: "\u{FFFD}"))
    #expect(try log.fault() == nil)
  }

  @Test func `empty and absent are two different things`() throws {
    let values = [String?](repeating: nil, count: AuditRecord.Column.allCases.count)
    var empty = values
    empty[3] = ""
    var shifted = values
    shifted[4] = ""
    let hashes = try [values, empty, shifted].map {
      try AuditChain.hash(id: 1, values: $0, previousHash: AuditChain.beginning)
    }
    #expect(Set(hashes).count == 3)
  }

  @Test func `rows from before the chain get their hashes when the database is brought up to date`()
    throws
  {
    let path = log.directory.file("old.db")
    try Self.makeDatabase(at: path, rows: 2500)
    let now = Timestamp(log.clock.date)
    #expect(try Storage.Database.migrate(path: path, now: now).first == "0005_audit_chain")
    let database = try Storage.Database(path: path) { now }
    let before = try database.verifyAuditLog()
    #expect(before.rows == 2500)
    let added = try database.write { try $0.auditLog.append(AuditLogFixture.event()) }
    #expect(added.id == 2501)
    #expect(added.previousHash == before.head.hash)
    // Nobody knows whether an earlier version left lines out of the file: none is written again.
    let file = AuditFile(path: log.filePath)
    #expect(try database.catchUp(file) == 1)
    #expect(throws: DatabaseError.self) {
      try DatabaseQueue(path: path).write {
        try $0.execute(sql: "UPDATE audit_log SET success = 0")
      }
    }
  }

  /// A database of the version before the chain, with rows as that version wrote them.
  private static func makeDatabase(at path: String, rows: Int) throws {
    try Storage.Database.migrate(path: path, now: Timestamp(milliseconds: 0))
    let scratch = path + ".scratch"
    try DatabaseQueue(path: scratch).write { database in
      for migration in Migration.all.prefix(4) { try database.execute(sql: migration.sql) }
      for number in 1...rows {
        try database.execute(
          sql: """
            INSERT INTO audit_log (timestamp, event_type, success, user_identity, event_data)
            VALUES ('2026-01-31T12:00:00.000Z', 'provision', 1, ?, '{"labels":["gpu"]}')
            """, arguments: ["user-\(number)"])
      }
    }
    try DatabaseQueue(path: scratch).writeWithoutTransaction { database in
      try database.execute(sql: "ATTACH ? AS current", arguments: [path])
      try database.execute(
        sql: """
          CREATE TABLE schema_migrations (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,
            checksum TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT;
          INSERT INTO schema_migrations SELECT * FROM current.schema_migrations WHERE number <= 4;
          """)
    }
    for ending in ["", "-wal", "-shm", ".lock", ".maintenance.lock"] {
      try? FileManager.default.removeItem(atPath: path + ending)
    }
    try FileManager.default.moveItem(atPath: scratch, toPath: path)
  }

  @Test func `a log is verified while others write, and no checkpoint waits for it`() throws {
    try log.write(3)
    let other = try Storage.Database(path: log.path) { Timestamp(Date()) }
    var steps = 0
    let verified = try log.database.verifyAuditLog { _, _ in
      steps += 1
      guard steps == 1 else { return }
      for _ in 0..<5 { _ = try? other.write { try $0.auditLog.append(AuditLogFixture.event()) } }
      try? DatabaseQueue(path: log.path).writeWithoutTransaction {
        _ = try $0.checkpoint(.truncate)
      }
    }
    #expect(verified.rows == 8)
  }
}
