/// That somebody has the database open: workers, the maintenance process and commands together, or one who replaces it alone.
///
/// A lock on a file of its own, which the system takes back from a process that ends however it ends.
final class DatabaseUse: Sendable {
  private let lock: FileLock

  /// Shares the database with others. Throws `databaseUnavailable` while somebody replaces it.
  init(ofDatabaseAt path: String) throws(StorageError) {
    lock = try Self.lock(path)
    guard lock.holdShared() else {
      throw .databaseUnavailable("\(path) is being restored from a backup; try again in a minute")
    }
  }

  /// Takes the database for one alone. nil while anybody has it open.
  init?(ofDatabaseAloneAt path: String) throws(StorageError) {
    lock = try Self.lock(path)
    guard lock.hold() else { return nil }
  }

  private static func lock(_ path: String) throws(StorageError) -> FileLock {
    try FileLock(path: path + ".use.lock")
  }
}
