import Patterns
import StrictJSON
import Testing

@testable import OIDC

@Suite struct ClaimRuleTests {
  private func claims(_ text: String) throws -> JSONObject {
    try #require(try JSONValue(parsing: Array(text.utf8)).object)
  }

  private func isSatisfied(
    _ path: String, _ condition: ClaimRule.Condition, by text: String
  ) throws -> Bool {
    ClaimRule(try #require(ClaimPath(path)), condition).isSatisfied(by: try claims(text))
  }

  @Test(arguments: [
    (#"{"org":"acme"}"#, true), (#"{"org":"acmes"}"#, false), (#"{"org":"Acme"}"#, false),
    (#"{"org":["x","acme"]}"#, true), (#"{"org":["x"]}"#, false), (#"{"org":[]}"#, false),
    (#"{"org":null}"#, false), (#"{}"#, false), (#"{"org":{"acme":true}}"#, false),
    (#"{"org":["x",["acme"]]}"#, false), (#"{"x":{"org":"acme"}}"#, false),
  ])
  func `a claim has to be the exact value, or a list that contains it`(text: String, isMet: Bool)
    throws
  {
    #expect(try isSatisfied("org", .oneOf([.string("acme")]), by: text) == isMet)
  }

  @Test func `one of several values is enough`() throws {
    let condition = ClaimRule.Condition.oneOf([.string("a"), .integer(7), .bool(true)])
    for value in [#""a""#, "7", "true"] {
      #expect(try isSatisfied("x", condition, by: #"{"x":\#(value)}"#))
    }
    for value in [#""b""#, "8", "false", #""7""#, #""true""#, "1"] {
      #expect(try !isSatisfied("x", condition, by: #"{"x":\#(value)}"#))
    }
  }

  @Test(arguments: [
    ("refs/heads/main", true), ("refs/heads/release/1", true), ("refs/heads/main\\n", false),
    ("x/refs/heads/main", false), ("refs/heads/mainx", false), ("REFS/HEADS/MAIN", false),
    ("refs/tags/main", false),
  ])
  func `a pattern has to match the whole text`(ref: String, isMet: Bool) throws {
    let pattern = try Pattern("refs/heads/main|refs/heads/release/.*")
    #expect(try isSatisfied("ref", .pattern(pattern), by: #"{"ref":"\#(ref)"}"#) == isMet)
  }

  @Test func `a pattern matches texts only`() throws {
    let pattern = try Pattern(".*")
    #expect(try isSatisfied("x", .pattern(pattern), by: #"{"x":""}"#))
    for value in ["7", "true", "null", "{}"] {
      #expect(try !isSatisfied("x", .pattern(pattern), by: #"{"x":\#(value)}"#))
    }
  }

  @Test func `a match that takes too long counts as none`() throws {
    let pattern = try Pattern("(a+)+$")
    let text = String(repeating: "a", count: 250) + "!"
    #expect(pattern.match(text) == .limitExceeded)
    #expect(try !isSatisfied("x", .pattern(pattern), by: #"{"x":"\#(text)"}"#))
    #expect(try isSatisfied("x", .pattern(pattern), by: #"{"x":"aaa"}"#))
  }

  @Test(arguments: [
    ("/kubernetes.io/namespace", #"{"kubernetes.io":{"namespace":"v"}}"#, true),
    ("/a~1b/c~0d", #"{"a/b":{"c~d":"v"}}"#, true),
    ("/a/1", #"{"a":["x","v"]}"#, true),
    ("/a/0", #"{"a":["x","v"]}"#, false),
    ("/a/01", #"{"a":["x","v"]}"#, false),
    ("/a/2", #"{"a":["x","v"]}"#, false),
    ("/a/b", #"{"a":"v"}"#, false),
    ("/a/b", #"{"a/b":"v"}"#, false),
    ("a/b", #"{"a/b":"v"}"#, true),
    ("https://example.com/x", #"{"https://example.com/x":"v"}"#, true),
    ("/", #"{"":"v"}"#, true),
  ])
  func `a pointer leads into nested claims, a name does not`(
    path: String, text: String, isMet: Bool
  ) throws {
    #expect(try isSatisfied(path, .oneOf([.string("v")]), by: text) == isMet)
  }

  @Test func `a claim's name is compared byte for byte`() throws {
    #expect(try !isSatisfied("\u{E9}", .oneOf([.string("v")]), by: "{\"e\u{301}\":\"v\"}"))
    #expect(try isSatisfied("\u{E9}", .oneOf([.string("v")]), by: "{\"\u{E9}\":\"v\"}"))
  }

  @Test(arguments: ["", "/a~", "/a~2b", "/~"])
  func `what is neither a name nor a pointer is refused`(path: String) {
    #expect(ClaimPath(path) == nil)
  }
}
