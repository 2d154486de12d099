import Foundation
import HTTPClient

extension HTTPResponse {
  /// Seconds to wait, if this answer of status 403 or 429 is a rate limit: `Retry-After`, or the reset of an exhausted
  /// budget, or a minute for a secondary limit that names no time. At most a day; nil if it is none.
  func rateLimitPause(now: Date) -> Int? {
    if let seconds = retryAfter { return max(1, seconds) }
    if header("x-ratelimit-remaining") == "0",
      let reset = header("x-ratelimit-reset").flatMap(Int64.init)
    {
      // Both by GitHub's clock where it says what that is.
      let wait = Double(reset) - (date ?? now).timeIntervalSince1970
      return Int(min(max(wait, 0), 86_400).rounded(.down)) + 1
    }
    let message = gitHubMessage.lowercased()
    let isLimit = status == 429 || message.contains("rate limit") || message.contains("abuse")
    return isLimit ? 60 : nil
  }

  /// The seconds of a `Retry-After`; GitHub sends no dates. At most a day.
  var retryAfter: Int? {
    header("retry-after").flatMap(Int.init).flatMap { $0 < 0 ? nil : min($0, 86_400) }
  }
}
