import Concurrency
import Foundation
import GRDB

/// Copies the write-ahead log back into the database file when it has grown, one process at a time.
///
/// Runs while the caller holds the write lock, so that a checkpoint never meets a writer: their meeting is what corrupts
/// databases of SQLite before 3.51.3.
final class Checkpoint: Sendable {
  /// Bytes of log from which on a worker does it, if nobody whose job it is has done so.
  static let threshold = 16 << 20

  /// Bytes of log from which on the maintenance process does it, so that nobody reads through a long one.
  static let maintainerThreshold = 1 << 20

  /// After an attempt that a reader stood in the way of.
  private static let retryInterval: Duration = .seconds(5)

  private let logPath: String
  private let lastFailure = Locked<ContinuousClock.Instant?>(nil)
  /// Held for the length of a checkpoint.
  private let lock: FileLock
  /// The same file, opened once more: held by the maintenance process as long as it lives, so that nobody gets `lock`.
  private let duty: FileLock
  private let isMaintainer = Locked(false)

  init(databasePath: String) throws(StorageError) {
    logPath = databasePath + "-wal"
    lock = try FileLock(path: databasePath + ".maintenance.lock")
    duty = try FileLock(path: databasePath + ".maintenance.lock")
  }

  /// Takes the lock for good. Returns false if another process has it.
  func takeOver() -> Bool {
    isMaintainer.withLock { isMaintainer in
      if !isMaintainer { isMaintainer = duty.hold() }
      return isMaintainer
    }
  }

  /// Whether some process has taken it over. A checkpoint of a worker under way looks the same.
  var hasMaintainer: Bool {
    isMaintainer.withLock { $0 } || lock.exclusiveIfFree {} == nil
  }

  func runIfDue(_ database: GRDB.Database) {
    let isMaintainer = isMaintainer.withLock { $0 }
    let threshold = isMaintainer ? Self.maintainerThreshold : Self.threshold
    var status = stat()
    guard stat(logPath, &status) == 0, status.st_size > threshold else { return }
    if let failure = lastFailure.withLock({ $0 }), .now - failure < Self.retryInterval { return }
    if isMaintainer {
      attempt(database)
    } else {
      _ = lock.exclusiveIfFree { attempt(database) }
    }
  }

  private func attempt(_ database: GRDB.Database) {
    do { try truncate(database) } catch { lastFailure.withLock { $0 = .now } }
  }

  /// Throws at once if a reader is in the way: every writer waits behind this.
  private func truncate(_ database: GRDB.Database) throws {
    let timeout = try Int.fetchOne(database, sql: "PRAGMA busy_timeout") ?? 0
    try database.execute(sql: "PRAGMA busy_timeout = 0")
    defer { try? database.execute(sql: "PRAGMA busy_timeout = \(timeout)") }
    try database.checkpoint(.truncate)
  }
}
