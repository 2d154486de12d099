import Foundation
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct AuditExportTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
    _ = try log.database.write { transaction in
      for number in 0..<1500 {
        _ = try transaction.auditLog.append(
          AuditLogFixture.event(by: number < 400 ? "early" : "alice"))
      }
    }
    log.clock.advance(by: 60)
  }

  private var now: Timestamp { Timestamp(log.clock.date) }

  private func archive() throws {
    let archive = try AuditArchive(of: log.database, before: now) { _ in }
    try archive?.removeRows(from: log.database, auditedIn: log.file, by: .maintenance)
  }

  /// The ids that an export has, of which the log is archived after the first so many.
  private func exported(
    _ filter: AuditLogFilter = AuditLogFilter(), limit: Int? = nil, archivingAfter count: Int? = nil
  ) throws -> (ids: [Int64], incompleteBefore: Timestamp?) {
    var ids: [Int64] = []
    let first = try log.database.forEachAuditRecord(
      matching: filter, before: .max, limit: limit
    ) {
      ids.append($0.id)
      if ids.count == count { try archive() }
    }
    return (ids, first)
  }

  @Test func `an export has every record, newest first`() throws {
    let (ids, first) = try exported()
    #expect(ids == (1...1500).reversed())
    #expect(first == nil)
    #expect(try exported(limit: 1200).ids == (301...1500).reversed())
    #expect(try exported(AuditLogFilter(userIdentity: "early")).ids == (1...400).reversed())
  }

  @Test func `an export that an archive overtakes is an error`() throws {
    #expect(throws: AuditExportFault.overtaken(through: 1500)) {
      try exported(archivingAfter: 1)
    }
  }

  @Test func `one that has what it wants by then is none`() throws {
    #expect(try exported(limit: 10, archivingAfter: 10).ids.count == 10)
  }

  @Test func `one that has been past the first row is none`() throws {
    #expect(try exported(archivingAfter: 1500).ids.count == 1500)
  }

  @Test func `one of a later time than what is archived is none`() throws {
    let since = now
    try log.write(3)
    let (ids, first) = try exported(AuditLogFilter(since: since), archivingAfter: 1)
    #expect(ids == [1503, 1502, 1501])
    #expect(first == nil)
  }

  @Test func `what was archived before is told by the time of what is left`() throws {
    let before = now
    try archive()
    let time = now
    try log.write(1)
    #expect(try exported().incompleteBefore == time)
    #expect(
      try exported(AuditLogFilter(since: before.adding(seconds: -1))).incompleteBefore == time)
    #expect(try exported(AuditLogFilter(since: time)).incompleteBefore == nil)
    #expect(try exported(limit: 1).incompleteBefore == nil)
  }
}
