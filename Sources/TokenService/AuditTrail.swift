import Runners
import Storage

extension Service {
  /// Writes to the database and then to the audit log's file what `body` recorded. What cannot be recorded in both is an
  /// error, and the caller must let nothing leave.
  func audited<Result>(
    _ body: (Transaction, _ record: (AuditEvent) throws -> Void) throws -> Result
  ) throws -> Result {
    try database.write { transaction in
      var records: [AuditRecord] = []
      let result = try body(transaction) { records.append(try transaction.auditLog.append($0)) }
      return (result, records)
    } afterCommit: { _, records in
      try auditFile.append(records)
    }.0
  }
}
