import Logging
import Storage

extension Maintenance {
  /// Appends to the audit log's file the records that it lacks: those of a process that was killed, and of a time when the
  /// file could not be written. Throws `auditFileUnavailable` while that lasts; another call then goes on.
  public func catchUpMirror() throws {
    let outcome = try database.catchUp(auditFile)
    if let warning = outcome.warning { logger.warning("\(warning)") }
    guard outcome.records > 0 else { return }
    logger.notice(
      "the audit log's file lacked records, and has them now",
      metadata: ["records": "\(outcome.records)"])
  }
}
