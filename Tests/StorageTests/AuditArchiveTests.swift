import Foundation
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct AuditArchiveTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  private var now: Timestamp { Timestamp(log.clock.date) }

  private func written(_ name: String, before date: Timestamp) throws -> AuditArchive? {
    var text = ""
    let archive = try AuditArchive(of: log.database, before: date) { text += $0 }
    try text.write(toFile: log.directory.file(name), atomically: false, encoding: .utf8)
    return archive
  }

  private func archive(_ name: String, before date: Timestamp) throws -> AuditArchive {
    let archive = try #require(try written(name, before: date))
    try archive.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    return archive
  }

  private func verified(_ name: String, head: String? = nil) throws -> VerifiedAuditLog {
    try AuditArchive.verify(path: log.directory.file(name), against: log.database, head: head)
  }

  private func fault(_ name: String) throws -> AuditFault? {
    do {
      _ = try verified(name)
      return nil
    } catch let fault as AuditFault {
      return fault
    }
  }

  @Test func `what is archived is gone, and the rest and the archive are whole`() throws {
    try log.write(5)
    let middle = try log.head()
    log.clock.advance(by: 60)
    let date = now
    try log.write(3)
    let archive = try archive("a", before: date)
    #expect(archive.content == VerifiedAuditLog(rows: 5, firstID: 1, head: middle))
    let rest = try log.database.verifyAuditLog(head: middle.hash)
    #expect(rest.firstID == 6)
    // And the record that it was archived.
    #expect(rest.rows == 4)
    #expect(try verified("a", head: middle.hash) == archive.content)
    #expect(try log.mirrored() == Array(1...9))
    #expect(try log.mirrorFault() == nil)
  }

  @Test
  func `the whole log and a second part can be archived, and each part continues the one before`()
    throws
  {
    try log.write(5)
    log.clock.advance(by: 60)
    let first = try archive("a", before: now)
    try log.write(2)
    log.clock.advance(by: 60)
    let second = try archive("b", before: now)
    #expect(second.content.firstID == 6)
    #expect(second.content.rows == 3)
    #expect(try log.fault() == nil)
    #expect(try verified("a").head == first.content.head)
    #expect(try verified("b").head == second.content.head)
    let next = try log.database.write { try $0.auditLog.append(AuditLogFixture.event()) }
    #expect(next.id == 10)
  }

  @Test func `nothing is archived where nothing is old enough`() throws {
    try log.write(2)
    #expect(try written("a", before: now) == nil)
    #expect(try log.database.verifyAuditLog().rows == 2)
  }

  @Test func `rows that do not verify are not archived`() throws {
    try log.write(4)
    try log.tamper("UPDATE audit_log SET user_identity = 'mallory' WHERE id = 3")
    #expect(throws: AuditFault.edited(3)) { try written("a", before: now.adding(seconds: 1)) }
  }

  @Test
  func `an interruption after the file leaves every row, and one between steps leaves the rest`()
    throws
  {
    try log.write(4)
    log.clock.advance(by: 60)
    let archive = try #require(try written("a", before: now))
    #expect(try log.database.verifyAuditLog().rows == 4)
    #expect(try fault("a") == .archiveUnknown(path: log.directory.file("a")))
    // As far as a first step of another size would come.
    let second = try #require(try log.database.read { try $0.auditLog.record(id: 4) })
    try log.database.write(auditedIn: log.file) { transaction, record in
      try record(.archive(archive.sha256, from: 1, through: archive.content.head, by: .maintenance))
      try transaction.auditLog.remove(
        through: AuditHead(id: 4, hash: second.hash), archive: archive.sha256)
    }
    #expect(try log.fault() == nil)
    #expect(try fault("a") == nil)
  }

  @Test func `many rows go in steps, and a step that is cut short leaves a whole log`() throws {
    _ = try log.database.write { transaction in
      for _ in 0..<4500 { _ = try transaction.auditLog.append(AuditLogFixture.event()) }
    }
    log.clock.advance(by: 60)
    let archive = try #require(try written("a", before: now))
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try archive.removeRows(from: log.database, auditedIn: log.file, by: .maintenance) { rows in
        guard rows < 4000 else { throw Stop() }
      }
    }
    let rest = try log.database.verifyAuditLog()
    #expect(rest.firstID == 4001)
    #expect(rest.rows == 501)
    #expect(try verified("a").rows == 4500)
    // The rest of it, in a file of its own.
    _ = try self.archive("b", before: now)
    #expect(try log.fault() == nil)
  }

  @Test(arguments: [
    (#""alice""#, #""mallo""#), (#""id":3"#, #""id":4"#), ("refresh", "provision"),
  ])
  func `an archive that was edited is found`(old: String, new: String) throws {
    try log.write(5)
    log.clock.advance(by: 60)
    _ = try archive("a", before: now)
    #expect(try fault("a") == nil)
    let path = log.directory.file("a")
    var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    lines[2] = Substring(lines[2].replacing(old, with: new))
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: path, atomically: false, encoding: .utf8)
    #expect(try fault("a") != nil)
    #expect(try fault("a") != .archiveUnknown(path: path))
  }

  @Test func `an archive that was cut short, or of another log, is none of this log`() throws {
    try log.write(5)
    log.clock.advance(by: 60)
    _ = try archive("a", before: now)
    let path = log.directory.file("a")
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    let short = lines.dropLast().joined(separator: "\n") + "\n"
    try short.write(toFile: path, atomically: false, encoding: .utf8)
    #expect(try fault("a") == .archiveUnknown(path: path))
    try "".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(try fault("a") == .archiveUnknown(path: path))
    try "{}\n".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(try fault("a") == .archiveUnreadable(line: 1, path: path))
  }

  @Test func `the same rows are not archived twice`() throws {
    try log.write(3)
    log.clock.advance(by: 60)
    let first = try #require(try written("a", before: now))
    let second = try #require(try written("b", before: now))
    try first.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    #expect(throws: StorageError.self) {
      try second.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
    }
    #expect(try log.fault() == nil)
  }
}
