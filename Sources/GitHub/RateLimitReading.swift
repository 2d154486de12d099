public import Foundation
import HTTPClient

/// What an answer says about our installation's primary rate limit.
public struct RateLimitReading: Sendable, Equatable {
  /// Requests an hour.
  public let limit: Int
  /// 0 to `limit`.
  public let remaining: Int
  /// When `remaining` is `limit` again, by GitHub's clock.
  public let resetAt: Date

  /// nil for an answer that says nothing of the limit that REST calls count against, and for numbers that cannot be true.
  init?(_ response: HTTPResponse, now: Date) {
    guard response.header("x-ratelimit-resource") ?? "core" == "core",
      let limit = response.header("x-ratelimit-limit").flatMap(Int.init),
      let remaining = response.header("x-ratelimit-remaining").flatMap(Int.init),
      let reset = response.header("x-ratelimit-reset").flatMap(Int64.init),
      (1...10_000_000).contains(limit), (0...limit).contains(remaining),
      // A window is an hour; a day leaves room for a clock that is off.
      abs(Double(reset) - (response.date ?? now).timeIntervalSince1970) <= 86_400
    else { return nil }
    self.limit = limit
    self.remaining = remaining
    resetAt = Date(timeIntervalSince1970: TimeInterval(reset))
  }
}
