import Glibc

/// An advisory lock on a file, between processes.
///
/// Writers queue here before they begin a transaction: SQLite's own busy handler sleeps longer and longer and lets one of
/// two busy processes starve.
final class FileLock: Sendable {
  private let path: String
  private let descriptor: Int32

  /// Makes the file if it is absent, for its owner only.
  init(path: String) throws(StorageError) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw .databaseUnavailable("\(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit {
    // Not left to `close`: until it becomes another program, a child that this process starts has the file open too.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// How long a writer waits for its turn.
  static let patience: Duration = .seconds(5)

  /// Runs `body` while this process holds the lock. Callers of one process must take turns by themselves.
  /// Throws `databaseUnavailable` if another process holds it until `deadline`.
  func exclusive<Result>(
    until deadline: ContinuousClock.Instant, _ body: () throws -> Result
  ) throws -> Result {
    while !tryLock() {
      guard ContinuousClock.now < deadline else {
        throw StorageError.databaseUnavailable(
          "another process holds the lock \(path); try again, or find it with `fuser \(path)` if it never lets go"
        )
      }
      // Short against the time that a commit takes, so that no process is kept out by one that writes on and on.
      usleep(200)
    }
    defer { flock(descriptor, LOCK_UN) }
    return try body()
  }

  /// Runs `body` if the lock is free, else returns nil at once.
  func exclusiveIfFree<Result>(_ body: () throws -> Result) rethrows -> Result? {
    guard tryLock() else { return nil }
    defer { flock(descriptor, LOCK_UN) }
    return try body()
  }

  /// Takes the lock for as long as this object lives, if it is free.
  func hold() -> Bool { tryLock() }

  /// The same, together with any number of others who share it.
  func holdShared() -> Bool { flock(descriptor, LOCK_SH | LOCK_NB) == 0 }

  /// What one holder leaves in the file for the next: a few words. Where it cannot be written, it is as if it were not.
  var note: String {
    get {
      var bytes = [UInt8](repeating: 0, count: 64)
      let length = pread(descriptor, &bytes, bytes.count, 0)
      return String(decoding: bytes.prefix(max(0, length)), as: UTF8.self)
    }
    set {
      guard ftruncate(descriptor, 0) == 0 else { return }
      let bytes = Array(newValue.utf8)
      pwrite(descriptor, bytes, bytes.count, 0)
    }
  }

  private func tryLock() -> Bool {
    flock(descriptor, LOCK_EX | LOCK_NB) == 0
  }
}
