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
  private static let retryInterval: Duration = .seconds(1)

  private struct State {
    var lastFailure: ContinuousClock.Instant?
    var blocked: BlockedCheckpoint?
  }

  private let logPath: String
  private let state = Locked(State())
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

  /// What this process found in the way of the last checkpoint that waited for readers, unless one was made since.
  var blocked: BlockedCheckpoint? { state.withLock { $0.blocked } }

  var logSize: Int {
    var status = stat()
    return stat(logPath, &status) == 0 ? Int(status.st_size) : 0
  }

  func runIfDue(_ database: GRDB.Database) {
    let isMaintainer = isMaintainer.withLock { $0 }
    let threshold = isMaintainer ? Self.maintainerThreshold : Self.threshold
    let size = logSize
    guard size > threshold else {
      state.withLock { $0.blocked = nil }
      return
    }
    if let failure = state.withLock({ $0.lastFailure }), .now - failure < Self.retryInterval {
      return
    }
    if isMaintainer {
      attempt(database, logSize: size)
    } else {
      _ = lock.exclusiveIfFree { attempt(database, logSize: size) }
    }
  }

  /// How long (ms) to wait for readers, and every writer behind this. Where requests read all the time, there is a reader in
  /// the way at nearly any moment; each is gone soon, and those that come meanwhile are not in the way.
  static func patience(logSize: Int) -> Int {
    switch logSize {
    case ..<(4 << 20): 0
    case ..<threshold: 100
    default: 1000
    }
  }

  private func attempt(_ database: GRDB.Database, logSize: Int) {
    let backoff = CheckpointBackoff(lock.note)
    let patience = backoff.mayWait(at: .now) ? Self.patience(logSize: logSize) : 0
    do {
      try truncate(database, patience)
      if backoff.failures > 0 { lock.note = CheckpointBackoff().text }
      state.withLock { $0 = State() }
    } catch {
      if patience > 0 { lock.note = backoff.failed(at: .now).text }
      state.withLock { state in
        state.lastFailure = .now
        guard logSize > Self.threshold, patience > 0 || state.blocked != nil else { return }
        state.blocked = BlockedCheckpoint(logSize: logSize, cause: Self.cause(error))
      }
    }
  }

  private static func cause(_ error: any Error) -> String {
    guard let error = error as? DatabaseError else { return "\(error)" }
    return error.resultCode == .SQLITE_BUSY
      ? "a reader stands in the way" : error.message ?? "\(error.resultCode)"
  }

  private func truncate(_ database: GRDB.Database, _ patience: Int) throws {
    let timeout = try Int.fetchOne(database, sql: "PRAGMA busy_timeout") ?? 0
    try database.execute(sql: "PRAGMA busy_timeout = \(patience)")
    defer { try? database.execute(sql: "PRAGMA busy_timeout = \(timeout)") }
    try database.checkpoint(.truncate)
  }
}
