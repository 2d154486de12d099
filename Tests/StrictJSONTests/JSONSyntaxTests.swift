import StrictJSON
import Testing

/// RFC 8259, each rule with a text that keeps it and one that breaks it.
struct JSONSyntaxTests {
  @Test(
    arguments: [
      ("null", JSONValue.null),
      ("true", .bool(true)),
      ("false", .bool(false)),
      ("\"text\"", .string("text")),
      ("[]", .array([])),
      ("[1]", .array([.integer(1)])),
      ("[1,\"a\",null]", .array([.integer(1), .string("a"), .null])),
      ("[[],[]]", .array([.array([]), .array([])])),
    ])
  func `a well-formed text is read`(text: String, value: JSONValue) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)) == value)
  }

  @Test(
    arguments: [
      "", " ", "nul", "nulll", "NULL", "True", "tru", "falsee", "undefined", "'a'", "a",
      "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[1}",
      "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{,}", "{\"a\" 1}",
      "{\"a\":1 \"b\":2}",
      "{a:1}", "{1:1}", "{null:1}", "{\"a\":1]", "{\"a\":,\"b\":1}",
      "\"", "\"a", "\"\\", "\"\\\"", "/* */ 1", "1 // one", "#", "[1];",
    ])
  func `a text that breaks the grammar is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
  }

  @Test func `members keep their order and are found by name`() throws {
    let object = try #require(try parse(#"{"b":1,"a":{"c":[true]}}"#).object)
    #expect(object.members.map(\.name) == ["b", "a"])
    #expect(object["b"]?.integer == 1)
    #expect(object["a"]?.object?["c"]?.array == [.bool(true)])
    #expect(object["c"] == nil)
  }

  @Test func `an empty object has no members`() throws {
    #expect(try parse("{}").object?.members.isEmpty == true)
    #expect(try parse("{ }").object?.members.isEmpty == true)
  }

  // MARK: - White space and what surrounds the value

  @Test func `the four kinds of white space may stand between tokens`() throws {
    let value = try parse(" \t\r\n{ \"a\"\t:\r\n[ 1 , 2 ] } \n")
    #expect(value.object?["a"]?.array == [.integer(1), .integer(2)])
  }

  @Test(arguments: ["\u{0B}1", "\u{0C}1", "\u{A0}1", "\u{2028}1", "1\u{85}", "\u{0}1", "1\u{0}"])
  func `no other white space is accepted`(text: String) {
    #expect(throws: JSONError.self) { try parse(text) }
  }

  @Test(arguments: [("{} {}", 3), ("1 2", 2), ("null,", 4), ("[] x", 3), ("\"a\"\"b\"", 3)])
  func `bytes after the value are refused`(text: String, offset: Int) {
    #expect(throws: JSONError.syntax(offset: offset)) { try parse(text) }
  }

  @Test func `a byte order mark is refused`() throws {
    #expect(throws: JSONError.syntax(offset: 0)) {
      try JSONValue(parsing: [0xEF, 0xBB, 0xBF] + Array("1".utf8))
    }
    #expect(throws: JSONError.invalidUTF8) { try JSONValue(parsing: [0xFF, 0xFE, 0x31, 0x00]) }
    #expect(try JSONValue(parsing: Array("1".utf8)) == .integer(1))
  }

  // MARK: - Duplicate members

  @Test(
    arguments: [
      #"{"alg":1,"alg":2}"#, #"{"alg":1,"b":2,"alg":1}"#, #"{"":1,"":1}"#,
      #"{"alg":1,"\u0061lg":2}"#, #"{"\u0061lg":1,"a\u006Cg":2}"#,
      #"[{"x":{"alg":1,"\u0061\u006c\u0067":2}}]"#,
    ])
  func `a duplicate member is refused, however it is spelled`(text: String) {
    #expect {
      try parse(text)
    } throws: { error in
      guard case JSONError.duplicateMember = error else { return false }
      return true
    }
  }

  @Test func `a duplicate member spelled with an escape is named in the error`() {
    #expect(throws: JSONError.duplicateMember("sub")) { try parse(#"{"sub":1,"\u0073ub":2}"#) }
  }

  @Test(arguments: [#"{"alg":1,"Alg":2}"#, #"[{"a":1},{"a":1}]"#, #"{"a":{"a":1}}"#])
  func `the same name in another object or another case is no duplicate`(text: String) throws {
    #expect(throws: Never.self) { try parse(text) }
  }

  @Test func `names are compared byte for byte`() throws {
    let object = try #require(try parse("{\"\u{E9}\":1,\"e\u{301}\":2}").object)
    #expect(object.members.count == 2)
    #expect(object["\u{E9}"]?.integer == 1)
    #expect(object["e\u{301}"]?.integer == 2)
  }

  @Test func `strings of different bytes are different values`() throws {
    #expect(try parse("\"\u{E9}\"") != parse("\"e\u{301}\""))
    #expect(try parse("{\"\u{E9}\":1}") != parse("{\"e\u{301}\":1}"))
    #expect(try parse("\"\u{E9}\"") == parse(#""\u00e9""#))
    #expect(!"\u{212A}".hasSameUTF8(as: "K"))
    #expect("K".hasSameUTF8(as: "K"))
  }

  // MARK: - Limits

  @Test(arguments: [1, 8, 30])
  func `nesting is accepted up to the limit and refused one level deeper`(depth: Int) throws {
    let limits = JSONValue.Limits(depth: depth, values: 1000)
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      func nested(_ levels: Int) -> [UInt8] {
        let text =
          String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels)
        return Array(text.utf8)
      }
      #expect(throws: Never.self) { try JSONValue(parsing: nested(depth), limits: limits) }
      #expect(throws: JSONError.tooDeep(limit: depth)) {
        try JSONValue(parsing: nested(depth + 1), limits: limits)
      }
    }
  }

  @Test func `a hundred thousand open brackets do not exhaust the stack`() {
    for bracket in ["[", "{\"a\":"] {
      let text = String(repeating: bracket, count: 100_000)
      #expect(throws: JSONError.tooDeep(limit: 8)) { try parse(text) }
    }
  }

  @Test func `values are counted, members and containers included`() throws {
    let limits = JSONValue.Limits(depth: 8, values: 4)
    #expect(throws: Never.self) {
      try JSONValue(parsing: Array(#"{"a":[1,2]}"#.utf8), limits: limits)
    }
    #expect(throws: JSONError.tooManyValues(limit: 4)) {
      try JSONValue(parsing: Array(#"{"a":[1,2,3]}"#.utf8), limits: limits)
    }
  }

  // MARK: - Typed access

  @Test func `a value is never read as another type`() throws {
    #expect(try parse("\"1\"").integer == nil)
    #expect(try parse("1.0").integer == nil)
    #expect(try parse("1").bool == nil)
    #expect(try parse("\"true\"").bool == nil)
    #expect(try parse("true").bool == true)
    #expect(try parse("1").string == nil)
    #expect(try parse("[]").object == nil)
    #expect(try parse("{}").array == nil)
    #expect(try parse(#"["a","b"]"#).strings == ["a", "b"])
    #expect(try parse(#"["a",1]"#).strings == nil)
    #expect(try parse(#""a""#).strings == nil)
    #expect(try parse("1") != parse("1.0"))
  }

  private func parse(_ text: String) throws -> JSONValue {
    try JSONValue(parsing: Array(text.utf8))
  }
}
