/// Whether and when a request that failed is sent again. Pure.
enum RetryPolicy {
  /// Of one request, the first included.
  static let maximumAttempts = 3
  /// Nobody who is waited for waits for longer than this before an attempt, whatever GitHub asks for.
  static let longestPause: Duration = .seconds(2)
  /// What an attempt needs to have a chance.
  static let minimumTime: Duration = .milliseconds(500)

  struct Failure {
    /// Whether GitHub may have done what was asked.
    let mayHaveActed: Bool
    /// As GitHub asked. In seconds.
    let retryAfter: Int?
  }

  /// How long to wait before the next attempt; nil for none.
  /// - Parameters:
  ///   - failure: of the last attempt.
  ///   - attempts: made so far.
  ///   - isRepeatable: whether doing it twice does no harm.
  ///   - timeLeft: nil for any.
  ///   - jitter: 0 to 1, by chance, so that those who failed together do not come back together.
  static func pause(
    after failure: Failure, attempts: Int, isRepeatable: Bool, timeLeft: Duration?, jitter: Double
  ) -> Duration? {
    guard attempts < maximumAttempts, isRepeatable || !failure.mayHaveActed else { return nil }
    let backoff = Duration.milliseconds(200 << (attempts - 1)) * (0.5 + 0.5 * jitter)
    // First compared as numbers: what GitHub asks for may be too large for a duration.
    let asked = failure.retryAfter ?? 0
    guard asked <= Int(longestPause.components.seconds) else { return nil }
    let pause = max(backoff, .seconds(asked))
    if let timeLeft, timeLeft < pause + minimumTime { return nil }
    return pause
  }
}
