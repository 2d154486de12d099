/// A database in which the audit log can be read: the service's own, or a copy of it.
public protocol ReadableDatabase: Sendable {
  /// Runs `body` on a snapshot.
  func read<Result>(_ body: (Transaction) throws -> Result) throws -> Result
}
