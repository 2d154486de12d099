import Foundation
import Testing

@testable import Runners

/// Times are read and written without the library where they have the form that is written here. Nobody must be able to
/// tell.
@Suite struct TimestampPropertyTests {
  private static let day: Int64 = 86_400_000
  /// The first millisecond of the year 1, and the first after the year 9999.
  private static let start: Int64 = -62_135_596_800_000
  private static let end: Int64 = 253_402_300_800_000

  private func read(_ text: String) -> Int64? {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    guard let date = try? format.parse(text) else { return nil }
    return Int64((date.timeIntervalSince1970 * 1000).rounded())
  }

  private func written(_ milliseconds: Int64) -> String {
    let fraction = (milliseconds % 1000 + 1000) % 1000
    let date = Date(timeIntervalSince1970: Double((milliseconds - fraction) / 1000))
    let whole = date.formatted(Date.ISO8601FormatStyle()).dropLast()
    return whole + String(format: ".%03d", fraction) + "Z"
  }

  private func expectLikeTheLibrary(_ milliseconds: Int64) {
    let (text, expected) = (
      Timestamp(milliseconds: milliseconds).description, written(milliseconds)
    )
    guard text == expected, Timestamp(text)?.milliseconds == read(text) else {
      Issue.record("\(milliseconds): \(text), not \(expected); \(String(describing: read(text)))")
      return
    }
  }

  @Test func `the turn of every year and of its February is written and read as by the library`() {
    for year in 1...9999 {
      for date in ["01-01", "02-28", "02-29", "03-01", "12-31"] {
        let number = String(year)
        let midnight = String(repeating: "0", count: 4 - number.count) + "\(number)-\(date)T"
        for text in [midnight + "00:00:00.000Z", midnight + "23:59:59.999Z"] {
          guard Timestamp(text)?.milliseconds == read(text) else {
            Issue.record("\(text): \(String(describing: Timestamp(text)))")
            continue
          }
        }
      }
    }
    var milliseconds = Self.start
    while milliseconds < Self.end {
      expectLikeTheLibrary(milliseconds)
      expectLikeTheLibrary(milliseconds - 1)
      milliseconds += 365 * Self.day / 2
    }
  }

  @Test func `any time is written and read as by the library`() {
    var generator = SeededGenerator(for: "any time")
    for _ in 0..<20_000 {
      expectLikeTheLibrary(Int64.random(in: Self.start..<Self.end, using: &generator))
      expectLikeTheLibrary(Int64.random(in: -100_000_000..<100_000_000, using: &generator))
    }
  }

  @Test func `a time of a year without four digits is written as by the library`() {
    for milliseconds in [
      Self.start - 1, Self.start - 400 * 365 * Self.day, Self.end, Self.end + 400 * 365 * Self.day,
    ] {
      #expect(Timestamp(milliseconds: milliseconds).description == written(milliseconds))
    }
    for milliseconds in [Int64.min, .max] {
      #expect(Timestamp(milliseconds: milliseconds).canonicalText == nil)
    }
  }

  @Test(arguments: [
    "2026-02-29T00:00:00.000Z", "2026-02-30T00:00:00.000Z", "2026-04-31T00:00:00.000Z",
    "1900-02-29T00:00:00.000Z", "2026-00-01T00:00:00.000Z", "2026-13-01T00:00:00.000Z",
    "2026-01-00T00:00:00.000Z", "2026-01-32T00:00:00.000Z", "0000-01-01T00:00:00.000Z",
    "2026-01-01T24:00:00.000Z", "2026-01-01T25:00:00.000Z", "2026-01-01T00:60:00.000Z",
    "2026-12-31T23:59:60.000Z", "2026-12-31T23:59:61.000Z", "2026-01-01t00:00:00.000z",
    "2026-01-01 00:00:00.000Z", "2026-01-01T00:00:00,000Z", "2026-01-01T00:00:00.000z",
    "2026-01-01T00:00:00.00Z0", "+026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Ｚ",
    "1582-12-31T00:00:00.000Z", "1582-10-10T00:00:00.000Z", "2026-01-01T00:00:00.0000Z",
    "2026-01-01T00:00:00.00Z", "２026-01-01T00:00:00.000",
  ])
  func `what only looks like such a time is taken or refused as by the library`(text: String) {
    #expect(Timestamp(canonical: text) == nil)
    #expect(Timestamp(text)?.milliseconds == read(text))
  }

  @Test func `a time with some of its characters changed is taken or refused as by the library`() {
    var generator = SeededGenerator(for: "changed characters")
    let characters = Array("0123456789-:TZtz.+ ,é\0")
    for _ in 0..<20_000 {
      let time = Int64.random(in: Self.start..<Self.end, using: &generator)
      var text = Array(Timestamp(milliseconds: time).description)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<text.count, using: &generator)
        text[place] = characters.randomElement(using: &generator) ?? "0"
      }
      guard Timestamp(String(text))?.milliseconds == read(String(text)) else {
        Issue.record("\(String(text)): \(String(describing: Timestamp(String(text))))")
        continue
      }
    }
  }
}
