public import Foundation
import Logging
public import Storage

extension Maintenance {
  /// When the audit log's head was last written to the journal.
  public struct LoggedHead: Sendable, Equatable {
    public let head: AuditHead
    public let time: Date
  }

  /// Seconds from one head in the journal to the next.
  private static let headInterval: TimeInterval = 3600

  /// Writes the audit log's head to the journal if `last` was an hour ago, or the log was exported or archived since. The
  /// journal is out of reach of whoever can write the database: `verify-audit-log --head` later shows what it is worth.
  ///
  /// Returns what to pass the next time.
  public func logHead(unlessSince last: LoggedHead?) throws -> LoggedHead {
    let (head, wasTakenOut) = try database.read { transaction in
      (
        try transaction.auditLog.head(),
        try last.map { try transaction.auditLog.wasTakenOut(after: $0.head.id) } ?? false
      )
    }
    let time = now()
    if let last, !wasTakenOut, time.timeIntervalSince(last.time) < Self.headInterval { return last }
    logger.notice(
      "audit log head", metadata: ["audit_id": "\(head.id)", "audit_hash": "\(head.hash)"])
    return LoggedHead(head: head, time: time)
  }
}
