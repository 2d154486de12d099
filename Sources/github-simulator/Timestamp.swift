import Foundation

extension Date {
  /// `2026-11-22T10:00:00Z`, as nearly everywhere at GitHub.
  var utcTimestamp: String { formatted(.iso8601) }

  /// `2026-11-22T02:00:00.260-08:00`, as GitHub writes the expiry of registration tokens.
  var pacificTimestamp: String {
    let zone = TimeZone(secondsFromGMT: -8 * 3600) ?? .gmt
    return formatted(
      Date.ISO8601FormatStyle(
        timeZoneSeparator: .colon, includingFractionalSeconds: true, timeZone: zone))
  }

  /// Whole seconds since 1970, as in a JWT.
  var unixSeconds: Int { Int(timeIntervalSince1970.rounded(.down)) }
}
