import Runners

/// Reads the parameters of a query one by one and gathers what is wrong with them.
struct QueryReader {
  private let query: Query
  private var known: [String] = []
  private var errors: [FieldError] = []

  init(_ query: Query) {
    self.query = query
  }

  mutating func value<Value>(
    _ name: String, _ parse: (String) -> Value?, _ message: String
  ) -> Value? {
    known.append(name)
    guard let text = query[name] else { return nil }
    let value = parse(text)
    if value == nil { errors.append(FieldError(name, message)) }
    return value
  }

  /// One of a type's cases, by its raw value.
  mutating func choice<Choice>(
    _ name: String
  ) -> Choice? where Choice: RawRepresentable<String> & CaseIterable {
    let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    return value(name, Choice.init(rawValue:), "must be one of \(choices)")
  }

  mutating func userIdentity() -> String? {
    value(
      "user_identity", { UserIdentity.isValid($0) ? $0 : nil }, "must be \(UserIdentity.rule)")
  }

  /// As on the command line.
  mutating func time(_ name: String) -> Timestamp? {
    value(
      name, Timestamp.reading(dayOrTime:),
      "must be a day such as 2026-11-22, or a time as in RFC 3339 such as 2026-11-22T21:00:00Z")
  }

  /// Which part of a list to show: `limit` elements (1 to 1000, 100 unless told) after the first `offset`.
  mutating func page() -> (limit: Int, offset: Int) {
    let limit = value(
      "limit", { Int($0).flatMap { (1...1000).contains($0) ? $0 : nil } }, "must be 1 to 1000")
    let offset = value(
      "offset", { Int($0).flatMap { $0 >= 0 ? $0 : nil } }, "must be a whole number, 0 or more")
    return (limit ?? 100, offset ?? 0)
  }

  /// Throws `validation` with every fault at once, unknown and repeated parameters before all.
  func finish() throws(ServiceError) {
    try query.expectOnly(known)
    guard errors.isEmpty else { throw .validation(errors) }
  }
}
