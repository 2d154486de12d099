import StrictJSON
import Testing

/// Strings, numbers and the encoding of the text.
struct JSONScalarTests {
  // MARK: - Encoding

  @Test(
    arguments: [
      [0x80], [0xFF], [0xC3], [0xC3, 0x28], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
      // Overlong: '/', NUL, U+20AC.
      [0xC0, 0xAF], [0xC1, 0x81], [0xE0, 0x80, 0xAF], [0xC0, 0x80], [0xF0, 0x82, 0x82, 0xAC],
      // Surrogates, alone and as a pair (CESU-8); beyond U+10FFFF.
      [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
    ] as [[UInt8]])
  func `invalid UTF-8 is refused inside and outside strings`(bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    #expect(throws: JSONError.invalidUTF8) { try JSONValue(parsing: [quote] + bytes + [quote]) }
    #expect(throws: JSONError.invalidUTF8) { try JSONValue(parsing: Array("1".utf8) + bytes) }
  }

  @Test(arguments: ["a", "é", "€", "😀", "\u{7F}", "\u{10FFFF}", "\u{FFFD}", "\u{202E}"])
  func `valid UTF-8 is kept as it is`(text: String) throws {
    #expect(try string("\"\(text)\"")?.hasSameUTF8(as: text) == true)
  }

  // MARK: - Strings

  @Test(
    arguments: [
      (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
      (#""\u0041\u00e9\u00E9\u20AC""#, "A\u{E9}\u{E9}\u{20AC}"),
      (#""\ud83d\ude00""#, "\u{1F600}"),
      (#""\uD800\uDC00\uDBFF\uDFFF""#, "\u{10000}\u{10FFFF}"),
      (#""a\u0000b""#, "a\u{0}b"),
      (#""\ufeff\ufffe""#, "\u{FEFF}\u{FFFE}"),
      (#""""#, ""),
    ])
  func `an escape stands for its character`(text: String, expected: String) throws {
    let value = try #require(try string(text))
    #expect(value.hasSameUTF8(as: expected))
  }

  @Test(
    arguments: [
      #""\a""#, #""\x41""#, #""\'""#, #""\U0041""#, #""\u""#, #""\u12""#, #""\u123""#, #""\u12G4""#,
      #""\u+041""#, #""\u 041""#, #""\u-041""#, "\"\\\n\"",
      "\"\\u\u{FF11}\u{FF11}\u{FF11}\u{FF11}\"",
    ])
  func `an unknown or incomplete escape is refused`(text: String) {
    #expect(throws: JSONError.self) { try string(text) }
  }

  @Test(
    arguments: [
      #""\ud800""#, #""\udbff""#, #""\udc00""#, #""\udfff""#, #""\ud800x""#, #""\ud800\n""#,
      #""\ud800\u0041""#, #""\ud800\ud800""#, #""\udc00\ud800""#, #""\ud800 \udc00""#,
    ])
  func `half a surrogate pair is refused`(text: String) {
    #expect(throws: JSONError.loneSurrogate(offset: 1)) { try string(text) }
  }

  @Test(arguments: UInt8(0)..<0x20)
  func `a control character must be escaped`(byte: UInt8) throws {
    #expect(throws: JSONError.syntax(offset: 1)) {
      try JSONValue(parsing: [UInt8(ascii: "\""), byte, UInt8(ascii: "\"")])
    }
    let digits = String(byte, radix: 16)
    let escaped = "\"\\u" + String(repeating: "0", count: 4 - digits.count) + digits + "\""
    #expect(try string(escaped)?.utf8.elementsEqual([byte]) == true)
  }

  // MARK: - Numbers

  @Test(
    arguments: [
      ("0", 0), ("-0", 0), ("7", 7), ("-7", -7), ("10", 10),
      ("9007199254740993", 9_007_199_254_740_993),
      ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ] as [(String, Int64)])
  func `a whole number of 64 bits is exact`(text: String, expected: Int64) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)) == .integer(expected))
  }

  @Test(
    arguments: [
      ("1.5", 1.5), ("-1.25e2", -125), ("1e3", 1000), ("1E+3", 1000), ("1e-2", 0.01), ("0.0", 0),
      ("0e1", 0), ("-0.0", 0), ("1e-400", 0), ("9223372036854775808", 9_223_372_036_854_775_808),
      ("1e308", 1e308),
    ])
  func `any other finite number is a float`(text: String, expected: Double) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)) == .double(expected))
  }

  @Test(arguments: ["1e400", "-1e400", "1e999999999", String(repeating: "9", count: 400)])
  func `a number that no float can hold is refused`(text: String) {
    #expect(throws: JSONError.numberOutOfRange(offset: 0)) {
      try JSONValue(parsing: Array(text.utf8))
    }
  }

  @Test(
    arguments: [
      "+1", "-", "--1", "01", "-01", "00", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "1e1.5", "1.2.3",
      "0x10", "1_000", "NaN", "nan", "Infinity", "-Infinity", "inf", "\u{FF11}", "1f",
    ])
  func `a number that breaks the grammar is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: Array("[\(text)]".utf8)) }
  }

  private func string(_ text: String) throws -> String? {
    try JSONValue(parsing: Array(text.utf8)).string
  }
}
