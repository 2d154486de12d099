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
    func number(_ name: String) -> Int? {
      response.header("x-ratelimit-" + name).flatMap(UInt32.init).map(Int.init)
    }
    guard let limit = number("limit"), let remaining = number("remaining"),
      let reset = number("reset"),
      response.header("x-ratelimit-resource") ?? "core" == "core"
    else { return nil }
    self.init(
      limit: limit, remaining: remaining,
      resetAt: Date(timeIntervalSince1970: TimeInterval(reset)))
  }
}
