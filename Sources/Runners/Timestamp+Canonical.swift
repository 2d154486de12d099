/// The form in which times are written here, `2026-11-22T21:11:49.260Z`, read and written by itself. The library reads and
/// writes every form of RFC 3339, and with it dates would be a fifth of what a list of runners costs: a row has up to seven.
extension Timestamp {
  /// nil for any other text, for a day or a time of day that there is none, and for years before the Gregorian calendar: what
  /// becomes of these the library decides.
  init?(canonical text: String) {
    guard text.utf8.count == 24 else { return nil }
    var fields = Fields(text.utf8)
    guard let year = fields.number(ofDigits: 4, before: "-"),
      let month = fields.number(ofDigits: 2, before: "-"),
      let day = fields.number(ofDigits: 2, before: "T"),
      let hour = fields.number(ofDigits: 2, before: ":"), hour < 24,
      let minute = fields.number(ofDigits: 2, before: ":"), minute < 60,
      let second = fields.number(ofDigits: 2, before: "."), second < 60,
      let fraction = fields.number(ofDigits: 3, before: "Z")
    else { return nil }
    let date = CalendarDate(year: year, month: month, day: day)
    // Not the 30th of February, which is another day's number.
    guard CalendarDate.years.contains(year), CalendarDate(number: date.number) == date else {
      return nil
    }
    let seconds = ((date.number * 24 + hour) * 60 + minute) * 60 + second
    self.init(milliseconds: seconds * 1000 + fraction)
  }

  /// nil for years before the Gregorian calendar and after 9999.
  var canonicalText: String? {
    let day: Int64 = 86_400_000
    let date = CalendarDate(number: milliseconds.flooredQuotient(day))
    guard CalendarDate.years.contains(date.year) else { return nil }
    let time = milliseconds.flooredRemainder(day)
    var text = Array("0000-00-00T00:00:00.000Z".utf8)
    text.write(date.year, endingAt: 3)
    text.write(date.month, endingAt: 6)
    text.write(date.day, endingAt: 9)
    text.write(time / 3_600_000, endingAt: 12)
    text.write(time / 60_000 % 60, endingAt: 15)
    text.write(time / 1000 % 60, endingAt: 18)
    text.write(time % 1000, endingAt: 22)
    return String(decoding: text, as: UTF8.self)
  }
}

private struct Fields {
  private var rest: String.UTF8View.Iterator

  init(_ text: String.UTF8View) {
    rest = text.makeIterator()
  }

  /// nil where there are not as many digits, or something else follows.
  mutating func number(ofDigits count: Int, before end: Unicode.Scalar) -> Int64? {
    var number: Int64 = 0
    for _ in 0..<count {
      guard let byte = rest.next(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
        return nil
      }
      number = number * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    return rest.next() == UInt8(ascii: end) ? number : nil
  }
}

extension [UInt8] {
  /// Over the zeros that are there.
  fileprivate mutating func write(_ number: Int64, endingAt end: Int) {
    var (rest, place) = (number, end)
    while rest > 0 {
      self[place] += UInt8(rest % 10)
      rest /= 10
      place -= 1
    }
  }
}

/// A day of the Gregorian calendar.
private struct CalendarDate: Equatable {
  /// Those that RFC 3339 can write and the library reads in this calendar: before, it has the Julian one.
  static let years: ClosedRange<Int64> = 1583...9999

  let year: Int64
  /// 1 to 12.
  let month: Int64
  /// 1 to 31.
  let day: Int64

  init(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
  }

  // The calendar repeats itself every 400 years, which are 146,097 days; in years that begin in March a leap day is the last
  // (Hinnant, chrono-Compatible Low-Level Date Algorithms: days_from_civil and civil_from_days).

  /// Days since 1970-01-01, negative before.
  var number: Int64 {
    let marchYear = month > 2 ? year : year - 1
    let (era, yearOfEra) = (marchYear.flooredQuotient(400), marchYear.flooredRemainder(400))
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// `number`: days since 1970-01-01.
  init(number: Int64) {
    let (era, dayOfEra) = (
      (number + 719_468).flooredQuotient(146_097), (number + 719_468).flooredRemainder(146_097)
    )
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = (monthFromMarch + 2) % 12 + 1
    year = era * 400 + yearOfEra + (month > 2 ? 0 : 1)
  }
}
