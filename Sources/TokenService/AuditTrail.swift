import Runners
import Storage

extension Service {
  /// Writes to the database and then to the audit log's file what `body` recorded. What cannot be recorded in both is an
  /// error, and the caller must let nothing leave.
  func audited<Result>(
    _ body: (Transaction, _ record: (AuditEvent) throws -> Void) throws -> Result
  ) throws -> Result {
    try database.write(auditedIn: auditFile, body)
  }

  /// The same for what an admin changes: nothing is changed where the audit log's file cannot be opened. (If it fails in
  /// between, the change stands in the table, with its record.)
  func auditedChange<Result>(
    _ body: (Transaction, _ record: (AuditEvent) throws -> Void) throws -> Result
  ) throws -> Result {
    try auditFile.checkWritable()
    return try audited(body)
  }
}
