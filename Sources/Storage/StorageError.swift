/// Why something could not be stored or read.
public enum StorageError: Error, Sendable, Equatable {
  /// The file cannot be opened, read or written, or stayed locked. The reason is for the log.
  case databaseUnavailable(String)
  /// The database's schema is not the one of this program.
  case wrongSchema(String)
  /// The audit log's file cannot be written. The reason is for the log.
  case auditFileUnavailable(String)
}

extension StorageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .databaseUnavailable(let reason): "the database is not available: \(reason)"
    case .wrongSchema(let reason): reason
    case .auditFileUnavailable(let reason): "the audit log file cannot be written: \(reason)"
    }
  }
}
