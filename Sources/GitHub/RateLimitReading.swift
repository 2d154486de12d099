public import Foundation
import HTTPClient

/// What GitHub said last about the installation's rate limit.
public struct RateLimitReading: Sendable, Equatable {
  /// Requests an hour.
  public let limit: Int
  public let remaining: Int
  /// When `remaining` is `limit` again.
  public let resetAt: Date
}

extension RateLimitReading {
  /// Reads the headers of an answer to a request of the installation; nil where they are not there or are of another limit.
  init?(_ response: HTTPResponse) {
    guard let limit = response.header("x-ratelimit-limit").flatMap(Int.init),
      let remaining = response.header("x-ratelimit-remaining").flatMap(Int.init),
      let reset = response.header("x-ratelimit-reset").flatMap(Int32.init),
      response.header("x-ratelimit-resource") ?? "core" == "core"
    else { return nil }
    self.init(
      limit: limit, remaining: remaining,
      resetAt: Date(timeIntervalSince1970: TimeInterval(reset)))
  }
}
