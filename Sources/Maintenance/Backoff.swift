/// How long a task that failed waits for its next try: longer after each failure in a row.
enum Backoff {
  /// In seconds.
  private static let first = 20
  private static let longest = 60

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
