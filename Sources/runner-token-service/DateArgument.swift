import ArgumentParser
import Runners

/// Dates on the command line.
enum DateArgument {
  /// A day, which is its midnight in UTC, or a time of RFC 3339. Throws what is accepted for any other text.
  static func timestamp(_ text: String) throws -> Timestamp {
    let day = String(text.prefix(10))
    let isDay = text.utf8.count == 10
    // The library rolls a day that the month does not have over into the next month.
    guard let midnight = Timestamp(day + "T00:00:00Z"), midnight.description.hasPrefix(day),
      let timestamp = isDay ? midnight : Timestamp(text)
    else {
      throw ValidationError(
        "'\(text.visible)' is no date: give a day like 2026-01-31 or a time like 2026-01-31T12:00:00Z."
      )
    }
    return timestamp
  }
}
