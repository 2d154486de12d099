import Foundation
import HTTPClient

extension HTTPResponse {
  /// GitHub's clock when it answered (RFC 9110 section 6.6.1), to the second.
  var date: Date? {
    header("date").flatMap { try? Self.dateForm.parse($0) }
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`: the one form of RFC 9110 section 5.6.7 that servers of today send.
  private static let dateForm = Date.ParseStrategy(
    format: """
      \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits) \
      \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) GMT
      """,
    locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, isLenient: false)
}
