import Foundation

/// Tells threads that sleep between two pieces of work to stop.
public final class StopSignal: Sendable {
  /// Seconds between two looks. Foundation's conditions wait by the wall clock: where that is set back by an hour, a wait of a
  /// second takes an hour.
  private static let interval = 0.1

  private let isRaised = Locked(false)

  /// Not raised yet.
  public init() {}

  /// Whether it is time to stop.
  public var isSet: Bool { isRaised.withLock(\.self) }

  /// Says that it is time to stop, for good. Whoever waits notices within a moment.
  public func set() {
    isRaised.withLock { $0 = true }
  }

  /// Sleeps until `deadline` or until it is time to stop. Returns whether it is.
  public func wait(until deadline: ContinuousClock.Instant) -> Bool {
    while !isSet {
      let rest = deadline - .now
      guard rest > .zero else { return false }
      Thread.sleep(forTimeInterval: min(Self.interval, rest / .seconds(1)))
    }
    return true
  }
}
