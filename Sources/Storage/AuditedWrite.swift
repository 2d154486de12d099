public import Runners

extension Database {
  /// Runs `body` in one transaction and then appends what it recorded to the audit log's file. What cannot be recorded in
  /// both is an error, though the transaction may stand: the caller must let nothing leave.
  public func write<Result>(
    auditedIn file: AuditFile,
    _ body: (Transaction, _ record: (AuditEvent) throws -> Void) throws -> Result
  ) throws -> Result {
    try write { transaction in
      var records: [AuditRecord] = []
      let result = try body(transaction) { records.append(try transaction.auditLog.append($0)) }
      return (result, records)
    } afterCommit: { _, records in
      try file.append(records)
    }.0
  }
}
