import Foundation

/// A value that only one thread at a time can reach.
///
/// Built on `NSLock` rather than `Synchronization.Mutex`: the thread sanitizer does not see the latter's futex
/// on Linux and reports races that do not exist.
public final class Locked<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  /// A value that is reached under the lock only.
  public init(_ value: Value) {
    self.value = value
  }

  /// Runs `body` while holding the lock. Keep it short; never do I/O in it.
  public func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
