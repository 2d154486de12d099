import Foundation
import GRDB

/// Copies the write-ahead log back into the database file when it has grown, one process at a time.
///
/// Runs while the caller holds the write lock, so that a checkpoint never meets a writer: their meeting is what corrupts
/// databases of SQLite before 3.51.3.
final class Checkpoint: Sendable {
  /// Bytes of log from which on a worker does it, if nobody whose job it is has done so.
  static let threshold = 16 << 20

  private let logPath: String
  private let lock: FileLock

  init(databasePath: String) throws(StorageError) {
    logPath = databasePath + "-wal"
    lock = try FileLock(path: databasePath + ".maintenance.lock")
  }

  func runIfDue(_ database: GRDB.Database) {
    var status = stat()
    guard stat(logPath, &status) == 0, status.st_size > Self.threshold else { return }
    _ = lock.exclusiveIfFree {
      // A reader may be in the way: then the log stays as it is, and the next writer tries again.
      _ = try? database.checkpoint(.truncate)
    }
  }
}
