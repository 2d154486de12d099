public import Runners

/// Why an export of the audit log does not have what it was asked for.
public enum AuditExportFault: Error, Sendable, Equatable {
  /// Rows up to this one were archived while the export went on, and it has come too late for some.
  case overtaken(through: Int64)
}

extension AuditExportFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .overtaken(let id):
      "the export is not whole: rows up to \(id) were archived meanwhile; run it again, and take the older ones from the archive"
    }
  }
}

extension AuditLogStore {
  /// The time of the first record in the table, if records of `since` or later have been archived; or, without `since`, any.
  public func incompleteBefore(_ since: Timestamp?) throws -> Timestamp? {
    guard try anchor() != nil, let lowest = try lowestID(),
      let first = try record(id: lowest)?[.timestamp]
    else { return nil }
    guard let time = Timestamp(first) else { throw AuditFault.unreadable(lowest) }
    return since.map { $0 < time } ?? true ? time : nil
  }
}

/// Records that are read with one snapshot.
private let pageSize = 1000

extension ReadableDatabase {
  /// Calls `body` with the records before the one with this id that match, newest first, no more than `limit`; the filter's
  /// own limit and offset do not count. Workers may go on meanwhile.
  ///
  /// Returns where what there is to find begins, if older records were archived before: nil if `limit` was reached without.
  /// Throws `overtaken` if that happened meanwhile.
  public func forEachAuditRecord(
    matching filter: AuditLogFilter, before id: Int64, limit: Int? = nil,
    _ body: (AuditRecord) throws -> Void
  ) throws -> Timestamp? {
    let archived = try read { try $0.auditLog.anchor()?.lastID ?? 0 }
    var (last, left) = (id, limit ?? .max)
    while left > 0 {
      var filter = filter
      filter.limit = min(left, pageSize)
      let (page, now, incompleteBefore) = try read { transaction in
        (
          try transaction.auditLog.records(matching: filter, before: last),
          try transaction.auditLog.anchor()?.lastID ?? 0,
          try transaction.auditLog.incompleteBefore(filter.since)
        )
      }
      guard let oldest = page.last else {
        if now != archived, incompleteBefore != nil, last > archived + 1 {
          throw AuditExportFault.overtaken(through: now)
        }
        return incompleteBefore
      }
      for record in page { try body(record) }
      last = oldest.id
      left -= page.count
    }
    return nil
  }
}
