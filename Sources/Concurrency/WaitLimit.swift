/// How many threads may wait for other hosts at a time, so that a slow host cannot hold them all.
public final class WaitLimit: Sendable {
  private let maximum: Int
  /// A limit that holds as well.
  private let outer: WaitLimit?
  private let waiting = Locked(0)

  /// - Parameters:
  ///   - maximum: how many threads may be at work at a time.
  ///   - outer: a limit that is shared with others; a thread needs a place in both.
  public init(_ maximum: Int, within outer: WaitLimit? = nil) {
    self.maximum = maximum
    self.outer = outer
  }

  /// Runs `work`, or throws `refusal` at once where as many threads as may are at work already.
  public func run<Result, Failure: Error>(
    orThrow refusal: Failure, _ work: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let result = try runIfRoom(work) else { throw refusal }
    return result
  }

  /// Runs `work`, or returns nil at once where as many threads as may are at work already.
  public func runIfRoom<Result, Failure: Error>(
    _ work: () throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    let isAdmitted = waiting.withLock { waiting in
      guard waiting < maximum else { return false }
      waiting += 1
      return true
    }
    guard isAdmitted else { return nil }
    defer { waiting.withLock { $0 -= 1 } }
    guard let outer else { return try work() }
    return try outer.runIfRoom(work)
  }

  /// Whether there was room just now.
  public var hasRoom: Bool { waiting.withLock { $0 < maximum } && outer?.hasRoom ?? true }
}
