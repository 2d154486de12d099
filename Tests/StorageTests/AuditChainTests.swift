import Foundation
import GRDB
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
    (
      "given a hash with an end that readers do not see",
      ["UPDATE audit_log SET hash = CAST(hash || x'00' || 'x' AS TEXT) WHERE id = 4"], .edited(4)
    ),
    (
      "made to continue from a hash with such an end",
      ["UPDATE audit_log SET prev_hash = CAST(prev_hash || x'0078' AS TEXT) WHERE id = 4"],
      .edited(4)
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

  /// Values with the bytes of those that were written, and another type, in a table that has been made to take any.
  @Test(arguments: [
    ("user_identity", "CAST(user_identity AS BLOB)"), ("hash", "CAST(hash AS BLOB)"),
    ("prev_hash", "CAST(prev_hash AS BLOB)"), ("success", "'1'"), ("success", "1.0"),
    ("success", "NULL"), ("hash", "NULL"), ("event_data", "CAST(event_data AS BLOB)"),
  ])
  func `a value of another type is found though its bytes are the same`(
    column: String, value: String
  ) throws {
    try log.write(5)
    try log.loosenTypes()
    #expect(try log.fault() == nil)
    try log.tamper("UPDATE audit_log SET \(column) = \(value) WHERE id = 4")
    #expect(try log.fault() == .unreadable(4))
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

  // MARK: - Overtaken by an archive

  /// Verifies a log of three pages, from which everything is archived after the first.
  private func verifiedWhileArchived(head: String) throws -> VerifiedAuditLog {
    log.clock.advance(by: 60)
    var isArchived = false
    return try log.database.verifyAuditLog(head: head) { _, _ in
      guard !isArchived else { return }
      isArchived = true
      do {
        let archive = try AuditArchive(of: log.database, before: Timestamp(log.clock.date)) { _ in }
        try archive?.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
      } catch {
        Issue.record(error)
      }
    }
  }

  private func writeThreePages() throws {
    _ = try log.database.write { transaction in
      for _ in 0..<4500 { _ = try transaction.auditLog.append(AuditLogFixture.event()) }
    }
  }

  private func hash(_ id: Int64) throws -> String {
    try #require(try log.database.read { try $0.auditLog.hash(id: id) })
  }

  @Test(arguments: [10, 2000, 4500] as [Int64])
  func `a head that was met before an archive took its row is not missing`(id: Int64) throws {
    try writeThreePages()
    let verified = try verifiedWhileArchived(head: try hash(id))
    // The record of the archive.
    #expect(verified.firstID == 4501)
    #expect(verified.rows == 1)
  }

  @Test func `a head that an archive took before it was met is said to be there`() throws {
    try writeThreePages()
    let head = try hash(3000)
    #expect(throws: AuditFault.headMissing(head, archivedThrough: 4500)) {
      try verifiedWhileArchived(head: head)
    }
    #expect("\(AuditFault.headMissing(head, archivedThrough: 4500))".contains("--archive"))
  }

  @Test func `a head that never was is missing though an archive came in between`() throws {
    try writeThreePages()
    let head = String(repeating: "a", count: 64)
    #expect(throws: AuditFault.headMissing(head, archivedThrough: 4500)) {
      try verifiedWhileArchived(head: head)
    }
  }
}
