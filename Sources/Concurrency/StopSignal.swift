import Foundation

/// Tells threads that sleep between two pieces of work to stop.
public final class StopSignal: @unchecked Sendable {
  private let condition = NSCondition()
  private var isRaised = false

  public init() {}

  /// Whether it is time to stop.
  public var isSet: Bool {
    condition.lock()
    defer { condition.unlock() }
    return isRaised
  }

  public func set() {
    condition.lock()
    defer { condition.unlock() }
    isRaised = true
    condition.broadcast()
  }

  /// Sleeps until `deadline` or until it is time to stop. Returns whether it is.
  public func wait(until deadline: ContinuousClock.Instant) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while !isRaised {
      let rest = deadline - .now
      guard rest > .zero else { break }
      // The condition goes by the wall clock, which may be set back: look at the other clock now and then.
      let seconds = min(5, Double(rest.components.seconds) + 0.01)
      _ = condition.wait(until: Date(timeIntervalSinceNow: seconds))
    }
    return isRaised
  }
}
