import Concurrency
import Foundation
import HTTPClient

/// What a client and its copies have learnt from GitHub's answers.
final class ClientState: Sendable {
  /// Whose requests GitHub counts: those with the App's JWT apart from those with the installation's token.
  enum Account: Hashable {
    case app, installation
  }

  /// Nobody holds back for longer on GitHub's word; its windows are an hour.
  private static let longestHold: TimeInterval = 3600

  private let reading = Locked<RateLimitReading?>(nil)
  private let clockDifferenceInSeconds = Locked<Double?>(nil)
  private let heldUntil = Locked<[Account: Date]>([:])

  var rateLimit: RateLimitReading? { reading.withLock { $0 } }
  var clockDifference: Double? { clockDifferenceInSeconds.withLock { $0 } }

  /// Takes in what an answer says beside its content. One that does not accept our token tells of the limit of strangers.
  func note(_ response: HTTPResponse, _ account: Account, now: Date) {
    if let date = response.date {
      clockDifferenceInSeconds.withLock { $0 = date.timeIntervalSince(now) }
    }
    let isOurs = account == .installation && response.status != 401 && !response.isSuspension
    if isOurs, let heard = RateLimitReading(response, now: now) {
      reading.withLock { $0 = heard }
    }
    // Most answers are no errors, and to read one as an error takes longer than all of the above.
    if response.status >= 400, case .rateLimited(let seconds) = GitHubError(response, now: now) {
      let end = now.addingTimeInterval(min(TimeInterval(seconds), Self.longestHold))
      heldUntil.withLock { $0[account] = end }
    }
  }

  /// Until when the installation's requests are held back; nil if they are not.
  func holdEnd(now: Date) -> Date? {
    heldUntil.withLock { $0[.installation] }.flatMap { now < $0 ? $0 : nil }
  }

  /// Throws `rateLimited` while GitHub has told us to wait: whoever goes on asking is shut out for longer.
  func checkHold(_ account: Account, now: Date) throws(GitHubError) {
    guard let end = heldUntil.withLock({ $0[account] }), now < end else { return }
    let seconds = end.timeIntervalSince(now)
    // A clock that was set back does not make it longer.
    guard seconds <= Self.longestHold else { return }
    throw .rateLimited(retryAfter: Int(seconds.rounded(.up)))
  }
}
