/// How long a task that failed waits for its next try: longer after each failure in a row.
enum Backoff {
  /// In seconds.
  private static let first = 20
  private static let longest = 60

  /// GitHub's rate limit is anew each hour: whoever names a later time errs, and must not stop the work for days.
  private static let longestWait = 3600

  /// Seconds to wait at least where GitHub named a time.
  static func wait(asToldBy retryAfter: Int?) -> Int { min(retryAfter ?? 0, longestWait) }

  /// Seconds until the next run.
  /// - Parameters:
  ///   - failures: in a row; 0 after a success.
  ///   - interval: from one run to the next where nothing fails, in seconds.
  static func delay(afterFailures failures: Int, interval: Int) -> Int {
    guard failures > 0 else { return interval }
    let shift = min(failures - 1, 10)
    return min(min(first, interval) << shift, max(longest, interval))
  }
}
