import ArgumentParser
import Runners

/// Dates on the command line.
enum DateArgument {
  /// A day, which is its midnight in UTC, or a time of RFC 3339. Throws what is accepted for any other text.
  static func timestamp(_ text: String) throws -> Timestamp {
    guard let timestamp = Timestamp.reading(dayOrTime: text) else {
      throw ValidationError(
        "'\(text.visible)' is no date: give a day like 2026-01-31 or a time like 2026-01-31T12:00:00Z."
      )
    }
    return timestamp
  }
}
