import Foundation
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

/// What can be done to a log under the name of an archive, and to the place where its rows were.
@Suite struct AuditArchiveForgeryTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  private func write(_ name: String) throws -> AuditArchive {
    var text = ""
    let archive = try #require(
      try AuditArchive(of: log.database, before: Timestamp(log.clock.date)) { text += $0 })
    try text.write(toFile: log.directory.file(name), atomically: false, encoding: .utf8)
    return archive
  }

  /// Archives what there is, and goes on with so many rows.
  private func archive(_ name: String, then count: Int) throws {
    log.clock.advance(by: 60)
    try write(name).removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    try log.write(count)
  }

  private func verified(_ name: String) throws -> VerifiedAuditLog {
    try AuditArchive.verify(path: log.directory.file(name), against: log.database)
  }

  private func moveAnchor(through id: Int64) throws {
    try log.tamperUnderTriggers(
      """
      UPDATE audit_anchors SET last_id = \(id), hash = (SELECT hash FROM audit_log WHERE id = \(id))
      WHERE last_id = (SELECT max(last_id) FROM audit_anchors)
      """, "DELETE FROM audit_log WHERE id <= \(id)")
  }

  @Test func `rows that go behind an anchor moved ahead are found, with every trigger in place`()
    throws
  {
    try log.write(5)
    try archive("a", then: 6)
    #expect(try log.fault() == nil)
    // Row 6 is the archive's record: with it gone, there is none at all.
    try moveAnchor(through: 9)
    #expect(try log.fault() == .unrecordedArchive(through: 9))
  }

  @Test func `the same is found where the archive's record is still there`() throws {
    try log.write(5)
    log.clock.advance(by: 60)
    let archive = try write("a")
    try log.write(6)
    try archive.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    try log.write(1)
    #expect(try log.fault() == nil)
    #expect(try verified("a").rows == 5)
    try moveAnchor(through: 9)
    #expect(try log.fault() == .otherArchive(through: 9, recordedThrough: 5))
  }

  @Test(arguments: [
    "UPDATE audit_anchors SET first_id = 2", "UPDATE audit_anchors SET prev_hash = hash",
    "UPDATE audit_anchors SET last_id = 9223372036854775807",
  ])
  func `an archive that does not begin where the log begins is found`(statement: String) throws {
    try log.write(5)
    try archive("a", then: 2)
    try log.tamper(statement)
    let first: Int64 = statement.contains("first_id") ? 2 : 1
    #expect(try log.fault() == .archivesDisjoined(first))
  }

  @Test func `an archive that does not begin where the one before ended is found`() throws {
    try log.write(5)
    try archive("a", then: 3)
    try archive("b", then: 2)
    #expect(try log.fault() == nil)
    try log.tamperUnderTriggers("UPDATE audit_anchors SET last_id = 6 WHERE first_id = 1")
    #expect(try log.fault() == .archivesDisjoined(6))
  }

  @Test func `a record that says something else of the archive later does not count`() throws {
    try log.write(5)
    log.clock.advance(by: 60)
    let archive = try write("a")
    try log.write(6)
    try archive.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    let nine = AuditHead(
      id: 9, hash: try #require(try log.database.read { try $0.auditLog.hash(id: 9) }))
    _ = try log.database.write {
      try $0.auditLog.append(
        .archive(archive.sha256, from: 1, through: nine, by: .init(identity: "mallory")))
    }
    try moveAnchor(through: 9)
    #expect(try log.fault() == .otherArchive(through: 9, recordedThrough: 5))
  }

  // MARK: - Rows where none can be

  @Test(arguments: [-7, 0, 3] as [Int64])
  func `a row before the first one is refused, found and not archived`(id: Int64) throws {
    try log.write(5)
    try archive("a", then: 3)
    #expect(try log.fault() == nil)
    let row = try AuditLogFixture.forgedRow(id: id, after: AuditChain.beginning)
    #expect(throws: DatabaseError.self) { try log.tamperUnderTriggers(row) }
    #expect(try log.fault() == nil)
    try log.tamper(row)
    #expect(try log.fault() == .misplaced(id))
    log.clock.advance(by: 60)
    #expect(throws: AuditFault.misplaced(id)) { try write("b") }
    // The archive that is there is still itself.
    #expect(try verified("a").rows == 5)
  }

  @Test func `a row that comes between an archive's file and its removal stops the removal`() throws
  {
    try log.write(5)
    log.clock.advance(by: 60)
    let archive = try write("a")
    try log.tamper(try AuditLogFixture.forgedRow(id: -7, after: AuditChain.beginning))
    #expect(throws: StorageError.self) {
      try archive.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    }
    try log.tamper("DELETE FROM audit_log WHERE id = -7")
    try archive.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    #expect(try log.fault() == nil)
    #expect(try verified("a").rows == 5)
  }

  @Test(arguments: [
    "UPDATE sqlite_sequence SET seq = 9223372036854775807",
    "UPDATE sqlite_sequence SET seq = 'x'",
  ])
  func `a counter that somebody has changed is an error and no crash`(statement: String) throws {
    try log.write(3)
    try log.tamper(statement)
    if statement.contains("'x'") {
      try log.write(1)
      #expect(try log.fault() == nil)
    } else {
      #expect(throws: StorageError.self) { try log.write(1) }
      #expect(try log.fault() == .cutOff(4...Int64.max))
    }
  }
}
