/// A JSON value as it was written: nothing repaired, nothing folded, member order kept.
public enum JSONValue: Sendable, Equatable {
  /// A member that is null is there, unlike one that is absent.
  case null
  /// `true` or `false`, never a number or text that stands for one.
  case bool(Bool)
  /// A number written without fraction or exponent that fits 64 bits.
  case integer(Int64)
  /// Any other number. Always finite.
  case double(Double)
  /// With its escapes resolved. Two strings are equal if their bytes are.
  case string(String)
  /// In the order in which they were written.
  case array([JSONValue])
  /// No two of its members have the same name.
  case object(JSONObject)

  /// The text, if this is a string.
  public var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The elements, if this is an array.
  public var array: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The members, if this is an object.
  public var object: JSONObject? {
    guard case .object(let object) = self else { return nil }
    return object
  }

  /// The truth value, if this is one.
  public var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The whole number, if this is one that was written without fraction or exponent.
  public var integer: Int64? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  /// The elements, if this is an array of strings only.
  public var strings: [String]? {
    guard let elements = array else { return nil }
    let strings = elements.compactMap(\.string)
    return strings.count == elements.count ? strings : nil
  }

  /// Strings compare by their bytes: `é` and `e` with a combining accent differ.
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.string(let a), .string(let b)): a.hasSameUTF8(as: b)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

/// The members of a JSON object. Names are unique, compared byte for byte.
public struct JSONObject: Sendable, Equatable {
  /// One name and its value.
  public struct Member: Sendable, Equatable {
    /// With its escapes resolved.
    public let name: String
    /// null is a value too.
    public let value: JSONValue

    public static func == (left: Member, right: Member) -> Bool {
      left.name.hasSameUTF8(as: right.name) && left.value == right.value
    }
  }

  /// In the order in which they were written.
  public let members: [Member]

  init(members: [Member]) {
    self.members = members
  }

  /// The value of the member with exactly this name.
  public subscript(name: String) -> JSONValue? {
    members.first { $0.name.hasSameUTF8(as: name) }?.value
  }
}

extension String {
  /// Whether both texts are the same bytes. `==` on strings also accepts canonically equivalent text, which
  /// must not make two identities, key ids or member names one.
  public func hasSameUTF8(as other: String) -> Bool {
    utf8.elementsEqual(other.utf8)
  }

  /// The first scalars, as many as `count`. Unlike `prefix`, which counts what readers take for characters and may let one of
  /// any length through.
  public func prefix(scalars count: Int) -> String {
    // A scalar has at least a byte.
    utf8.count <= count ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(count)))
  }
}
