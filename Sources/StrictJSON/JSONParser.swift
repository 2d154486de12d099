/// Why a text was refused as JSON.
public enum JSONError: Error, Sendable, Equatable {
  /// Overlong forms and surrogates among it (RFC 3629).
  case invalidUTF8
  /// The text departs from RFC 8259 at this byte.
  case syntax(offset: Int)
  /// The same member name twice in one object, however it was escaped.
  case duplicateMember(String)
  /// Arrays and objects within each other, more than this.
  case tooDeep(limit: Int)
  /// More than so many, members and containers included.
  case tooManyValues(limit: Int)
  /// A number that no 64-bit float can hold.
  case numberOutOfRange(offset: Int)
  /// An escape that stands for half a surrogate pair.
  case loneSurrogate(offset: Int)
}

extension JSONError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidUTF8: "the text is not valid UTF-8"
    case .syntax(let offset): "syntax error at byte \(offset)"
    case .duplicateMember(let name): "the member \"\(name)\" appears twice"
    case .tooDeep(let limit): "nested deeper than \(limit) levels"
    case .tooManyValues(let limit): "more than \(limit) values"
    case .numberOutOfRange(let offset): "number out of range at byte \(offset)"
    case .loneSurrogate(let offset): "lone surrogate at byte \(offset)"
    }
  }
}

extension JSONValue {
  /// How much structure a text may have.
  public struct Limits: Sendable {
    /// Levels of arrays and objects.
    public var depth: Int
    /// Values of any kind, members included, in the whole text.
    public var values: Int

    public init(depth: Int = 8, values: Int = 1000) {
      self.depth = depth
      self.values = values
    }
  }

  /// Reads one JSON text (RFC 8259), refusing whatever two readers might understand differently: duplicate
  /// members, bytes after the value, a byte order mark, invalid UTF-8, lone surrogates, numbers that overflow.
  public init(parsing bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw .invalidUTF8 }
    var parser = JSONParser(bytes: bytes, limits: limits)
    self = try parser.document()
  }
}

/// A recursive-descent reader; recursion is bounded by `limits.depth`.
private struct JSONParser {
  let bytes: [UInt8]
  let limits: JSONValue.Limits
  var position = 0
  var valueCount = 0

  init(bytes: [UInt8], limits: JSONValue.Limits) {
    self.bytes = bytes
    self.limits = limits
  }

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func document() throws(JSONError) -> JSONValue {
    skipWhitespace()
    let value = try value(depth: 0)
    skipWhitespace()
    guard position == bytes.count else { throw .syntax(offset: position) }
    return value
  }

  mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    valueCount += 1
    guard valueCount <= limits.values else { throw .tooManyValues(limit: limits.values) }
    switch current {
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return try number()
    }
  }

  mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    guard depth <= limits.depth else { throw .tooDeep(limit: limits.depth) }
    var members: [JSONObject.Member] = []
    var names: Set<[UInt8]> = []
    position += 1
    skipWhitespace()
    if take("}") { return JSONObject(members: []) }
    repeat {
      skipWhitespace()
      guard current == UInt8(ascii: "\"") else { throw .syntax(offset: position) }
      let name = try string()
      guard names.insert(Array(name.utf8)).inserted else { throw .duplicateMember(name) }
      skipWhitespace()
      guard take(":") else { throw .syntax(offset: position) }
      skipWhitespace()
      members.append(JSONObject.Member(name: name, value: try value(depth: depth)))
      skipWhitespace()
    } while take(",")
    guard take("}") else { throw .syntax(offset: position) }
    return JSONObject(members: members)
  }

  mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    guard depth <= limits.depth else { throw .tooDeep(limit: limits.depth) }
    var elements: [JSONValue] = []
    position += 1
    skipWhitespace()
    if take("]") { return [] }
    repeat {
      skipWhitespace()
      elements.append(try value(depth: depth))
      skipWhitespace()
    } while take(",")
    guard take("]") else { throw .syntax(offset: position) }
    return elements
  }

  mutating func string() throws(JSONError) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        let scalar = try escape()
        text.append(contentsOf: Array(String(Character(scalar)).utf8))
      case 0..<0x20:
        throw .syntax(offset: position)
      default:
        text.append(byte)
        position += 1
      }
    }
    throw .syntax(offset: position)
  }

  mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    position += 1
    guard let kind = current else { throw .syntax(offset: position) }
    position += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(kind)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape(start: start)
    default: throw .syntax(offset: start)
    }
  }

  mutating func unicodeEscape(start: Int) throws(JSONError) -> Unicode.Scalar {
    let first = try fourHexDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, take("\\"), take("u") else { throw .loneSurrogate(offset: start) }
    let second = try fourHexDigits()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    else { throw .loneSurrogate(offset: start) }
    return scalar
  }

  mutating func fourHexDigits() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
        byte < 0x80
      else { throw .syntax(offset: position) }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    var isInteger = true
    if take(".") {
      isInteger = false
      try digits()
    }
    if take("e") || take("E") {
      isInteger = false
      if !take("+") { _ = take("-") }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int64(text) { return .integer(integer) }
    guard let double = Double(text), double.isFinite else {
      throw .numberOutOfRange(offset: start)
    }
    return .double(double)
  }

  mutating func digits() throws(JSONError) {
    let start = position
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      position += 1
    }
    guard position > start else { throw .syntax(offset: position) }
  }

  mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for expected in text.description.utf8 {
      guard current == expected else { throw .syntax(offset: position) }
      position += 1
    }
    return value
  }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard let byte = current, byte == scalar.value else { return false }
    position += 1
    return true
  }

  mutating func skipWhitespace() {
    while let byte = current, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
  }
}
