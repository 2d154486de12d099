import Logging
import Storage

extension Maintenance {
  /// When the audit log's head was last written to the journal.
  public struct LoggedHead: Sendable, Equatable {
    let head: AuditHead
    let time: ContinuousClock.Instant
  }

  /// From one head in the journal to the next.
  private static let headInterval: Duration = .seconds(3600)

  /// Writes the audit log's head to the journal if `last` was an hour ago, or the log was exported or archived since. The
  /// journal is out of reach of whoever can write the database: `verify-audit-log --head` later shows what it is worth.
  ///
  /// Returns what to pass the next time.
  ///
  /// `time`: not the wall clock: whoever sets that back must not keep the head out of the journal.
  public func logHead(
    unlessSince last: LoggedHead?, at time: ContinuousClock.Instant = .now
  ) throws -> LoggedHead {
    let (head, wasTakenOut) = try database.read { transaction in
      (
        try transaction.auditLog.head(),
        try last.map { try transaction.auditLog.wasTakenOut(after: $0.head.id) } ?? false
      )
    }
    if let last, !wasTakenOut, time - last.time < Self.headInterval { return last }
    logger.notice(
      "audit log head", metadata: ["audit_id": "\(head.id)", "audit_hash": "\(head.hash)"])
    return LoggedHead(head: head, time: time)
  }
}
