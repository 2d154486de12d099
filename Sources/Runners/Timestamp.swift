public import Foundation

/// A point in time, to the millisecond. Written in RFC 3339 in UTC, always with milliseconds, so that times sort as
/// they read: `2026-11-22T21:11:49.260Z`.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Since 1970-01-01T00:00:00Z.
  public let milliseconds: Int64

  public init(milliseconds: Int64) {
    self.milliseconds = milliseconds
  }

  /// Rounded to the nearest millisecond.
  public init(_ date: Date) {
    milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded())
  }

  /// Reads any RFC 3339 time, with or without a fraction, in any offset. Returns nil for other text.
  public init?(_ text: String) {
    if let time = Timestamp(canonical: text) {
      self = time
    } else if let date = try? Self.format.parse(text) {
      self.init(date)
    } else {
      return nil
    }
  }

  /// Reads a day such as 2026-11-22, which is its midnight in UTC, or any RFC 3339 time. Returns nil for other text, and
  /// for a day that the month does not have.
  public static func reading(dayOrTime text: String) -> Timestamp? {
    let day = String(text.prefix(10))
    // The library rolls such a day over into the next month.
    guard let midnight = Timestamp(day + "T00:00:00Z"), midnight.description.hasPrefix(day) else {
      return nil
    }
    return text.utf8.count == 10 ? midnight : Timestamp(text)
  }

  /// The same point in time, for Foundation.
  public var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// So many seconds later; earlier where the number is negative.
  public func adding(seconds: Int) -> Timestamp {
    Timestamp(milliseconds: milliseconds + Int64(seconds) * 1000)
  }

  /// How long to wait for this time, in whole seconds, rounded up; at least 1.
  public func wait(from now: Timestamp) -> Int {
    Int(clamping: max(1, (milliseconds - now.milliseconds + 999) / 1000))
  }

  private static let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}

extension Timestamp: CustomStringConvertible {
  public var description: String {
    if let text = canonicalText { return text }
    // The fraction apart: formatting one from a floating-point date loses a millisecond now and then.
    let (seconds, fraction) = (
      milliseconds.flooredQuotient(1000), milliseconds.flooredRemainder(1000)
    )
    let whole = Date(timeIntervalSince1970: Double(seconds)).formatted(Date.ISO8601FormatStyle())
    let digits = String(fraction)
    return whole.dropLast() + "." + String(repeating: "0", count: 3 - digits.count) + digits + "Z"
  }
}

extension Int64 {
  func flooredQuotient(_ divisor: Int64) -> Int64 {
    self / divisor - (self % divisor < 0 ? 1 : 0)
  }

  func flooredRemainder(_ divisor: Int64) -> Int64 {
    let remainder = self % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }
}

extension Timestamp: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let timestamp = Timestamp(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not RFC 3339")
    }
    self = timestamp
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
