import Foundation

/// A primary rate limit: so many requests in each window of an hour.
struct RateLimit: Sendable {
  /// Whose requests are counted together.
  enum Budget: Sendable, CaseIterable {
    case installation, app, anonymous
  }

  static let window: TimeInterval = 3600

  let limit: Int
  private(set) var remaining: Int
  private var reset: Date

  init(limit: Int, now: Date) {
    self.limit = limit
    remaining = limit
    reset = now + Self.window
  }

  /// The state at `now`, in a new window if the last one has ended.
  func at(_ now: Date) -> RateLimit {
    now < reset ? self : RateLimit(limit: limit, now: now)
  }

  var used: Int { limit - remaining }
  var resetSeconds: Int { reset.unixSeconds }

  /// Counts one request. Returns false, and counts nothing, when none is left.
  mutating func take(at now: Date) -> Bool {
    self = at(now)
    guard remaining > 0 else { return false }
    remaining -= 1
    return true
  }

  mutating func giveBack() {
    remaining = min(limit, remaining + 1)
  }

  mutating func set(remaining: Int, resetIn seconds: Int, now: Date) {
    self.remaining = min(limit, max(0, remaining))
    reset = now + TimeInterval(seconds)
  }
}
