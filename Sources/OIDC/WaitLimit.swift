import Concurrency

/// How many threads may wait for identity providers at a time, so that a slow one, and anybody who makes up key ids,
/// cannot hold them all.
final class WaitLimit: Sendable {
  private let maximum: Int
  /// A limit that holds as well.
  private let outer: WaitLimit?
  private let waiting = Locked(0)

  init(_ maximum: Int, within outer: WaitLimit? = nil) {
    self.maximum = maximum
    self.outer = outer
  }

  /// Runs `work`, or throws `tooManyWaiting`.
  func run<Result>(
    _ work: () throws(TokenRefusal) -> Result
  ) throws(TokenRefusal) -> Result {
    let isAdmitted = waiting.withLock { waiting in
      guard waiting < maximum else { return false }
      waiting += 1
      return true
    }
    guard isAdmitted else { throw .tooManyWaiting }
    defer { waiting.withLock { $0 -= 1 } }
    guard let outer else { return try work() }
    return try outer.run(work)
  }
}
