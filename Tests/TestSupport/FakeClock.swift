import Concurrency
public import Foundation

/// A clock that only a test moves: the wall clock and the uptime together.
public final class FakeClock: Sendable {
  private let elapsed = Locked<Double>(0)
  private let start: Date

  public init(start: Date = Date(timeIntervalSince1970: 1_800_000_000)) {
    self.start = start
  }

  public func advance(by seconds: Double) {
    elapsed.withLock { $0 += seconds }
  }

  public var date: Date { start.addingTimeInterval(elapsed.withLock { $0 }) }
  public var now: @Sendable () -> Date { { self.date } }
  public var uptime: @Sendable () -> Duration { { .seconds(self.elapsed.withLock { $0 }) } }
}
