import Patterns
import Testing

/// A pattern with a text that it covers and one that it does not.
struct Sample: Sendable, CustomTestStringConvertible {
  let source: String
  let accepted: String
  let rejected: String

  init(_ source: String, accepts accepted: String, rejects rejected: String) {
    self.source = source
    self.accepted = accepted
    self.rejected = rejected
  }

  var testDescription: String { source.debugDescription + " and " + rejected.debugDescription }

  func check() throws {
    let pattern = try Pattern(source)
    #expect(pattern.match(accepted) == .matches)
    #expect(pattern.match(rejected) == .differs)
  }
}

@Suite struct PatternMatchTests {
  @Test(arguments: [
    Sample("", accepts: "", rejects: "a"),
    Sample("a|b", accepts: "a", rejects: "xb"),
    Sample("a|b", accepts: "b", rejects: "ab"),
    Sample("a|b", accepts: "b", rejects: "b\n"),
    Sample("a|b", accepts: "a", rejects: "a\nx"),
    Sample("a|b", accepts: "a", rejects: "x\nb"),
    Sample("a|b", accepts: "a", rejects: "a\0"),
    Sample("a|b", accepts: "a", rejects: ""),
    Sample("a|ab", accepts: "ab", rejects: "aba"),
    Sample("repo:org/.+:main", accepts: "repo:org/x:main", rejects: "repo:org/x:main2"),
    Sample("a.b", accepts: "a\0b", rejects: "a\nb"),
    Sample("a(?R)?b", accepts: "aabb", rejects: "aab"),
    Sample(#"(a|b)\1"#, accepts: "bb", rejects: "ab"),
    Sample("ä.", accepts: "ä😀", rejects: "ä"),
  ])
  func `the whole text has to match`(sample: Sample) throws {
    try sample.check()
  }

  @Test(arguments: [
    Sample("a$", accepts: "a", rejects: "a\n"),
    Sample("a$(?s:.*)", accepts: "a", rejects: "a\n"),
    Sample(#"a\Z"#, accepts: "a", rejects: "a\n"),
    Sample("(?m)a$", accepts: "a", rejects: "a\nb"),
    Sample("(?m)^a", accepts: "a", rejects: "b\na"),
    Sample("(?m)a|^b$", accepts: "b", rejects: "a\nb"),
    Sample("(*CRLF)a|b", accepts: "a", rejects: "x\r\nb"),
  ])
  func `a line of the text does not do`(sample: Sample) throws {
    try sample.check()
  }

  @Test(arguments: [
    Sample("a(*ACCEPT)b", accepts: "a", rejects: "ab"),
    Sample("(a(*ACCEPT)b|c)d", accepts: "cd", rejects: "ad"),
    Sample("(?=a(*ACCEPT)x)ab", accepts: "ab", rejects: "abc"),
    Sample(#"a\Kb"#, accepts: "ab", rejects: "b"),
    Sample(#".*\Kb|b"#, accepts: "ab", rejects: "abc"),
    Sample("aa(*SKIP)y|x", accepts: "x", rejects: "aax"),
    Sample("a(*PRUNE)b|x", accepts: "x", rejects: "ax"),
    Sample("(?x)a #comment", accepts: "a", rejects: "ab"),
    Sample("(?x)a #", accepts: "a", rejects: "a#"),
    Sample(#"\Qa|b"#, accepts: "a|b", rejects: "a"),
    Sample(#"a\E|b"#, accepts: "b", rejects: "xb"),
    Sample("a(?C1)b", accepts: "ab", rejects: "xab"),
    Sample("(?|(a)|(b))", accepts: "b", rejects: "ab"),
  ])
  func `nothing in the source gets around the ends`(sample: Sample) throws {
    try sample.check()
  }

  @Test func `case is ignored on demand, and in other scripts too`() throws {
    #expect(try Pattern("gpu-ä").match("GPU-Ä") == .differs)
    #expect(try Pattern("gpu-ä", ignoringCase: true).match("GPU-Ä") == .matches)
    #expect(try Pattern("gpu-ä", ignoringCase: true).match("GPU-A") == .differs)
    #expect(try Pattern("k", ignoringCase: true).match("\u{212A}") == .matches)
  }

  @Test(arguments: [#"\x{212A}"#, #"[\x{80}-\x{10FFFF}]"#, #"\N{U+212A}"#, "(*UTF)K", "\u{212A}"])
  func `a foreign letter that is an ASCII one in another case has no place in an ASCII pattern`(
    source: String
  ) throws {
    // `(*UTF)K` covers the letter in both, and by no other way than itself.
    #expect(try Pattern(source, ignoringCase: true).match("k") == .matches)
    #expect(throws: PatternError.self) {
      try Pattern(source, ignoringCase: true, alphabet: .ascii)
    }
  }

  @Test(arguments: [
    ("K", true), ("(?i:k)", true), ("(*UCP)k", true), (#"\p{L}"#, true), (#"(*UCP)\w"#, true),
    (#"[^\x80-\xff]"#, true), (#"[\x80-\xff]"#, false), (#"(*UCP)[\x80-\xff]"#, false),
    (#"[^\x00-\x7f]"#, false), ("[[:^ascii:]]", false), ("(?-i)K", false), ("(?-i)k", true),
  ])
  func `an ASCII pattern ignores the case of ASCII letters`(source: String, matches: Bool) throws {
    let pattern = try Pattern(source, ignoringCase: true, alphabet: .ascii)
    #expect(pattern.match("k") == (matches ? .matches : .differs))
    #expect(pattern.match("\u{212A}") == .differs)
  }

  @Test func `an ASCII pattern covers no other text`() throws {
    #expect(try Pattern(".*").match("gpu-ä") == .matches)
    let pattern = try Pattern(".*", alphabet: .ascii)
    #expect(pattern.match("gpu-a") == .matches)
    #expect(pattern.match("gpu-ä") == .differs)
  }

  @Test func `a character that is not ASCII is named in the error`() throws {
    let error = try #require(throws: PatternError.self) {
      try Pattern("gpu–.*", alphabet: .ascii)
    }
    #expect(error.description == "at offset 3: the pattern has a character that is not ASCII")
  }

  @Test func `texts are compared as they are written`() throws {
    let pattern = try Pattern("\u{E4}")
    #expect(pattern.match("\u{E4}") == .matches)
    #expect(pattern.match("a\u{308}") == .differs)
  }

  @Test func `threads share a pattern`() async throws {
    let pattern = try Pattern("(a|b)+c")
    let matches = await withTaskGroup(of: Match.self) { group in
      for index in 0..<200 {
        group.addTask { pattern.match(index.isMultiple(of: 2) ? "ababc" : "abab") }
      }
      return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
    #expect(matches == [.matches: 100, .differs: 100])
  }
}

@Suite struct PatternLimitTests {
  private let hostile = String(repeating: "a", count: 255) + "!"

  @Test(arguments: [
    ("(a+)+$", "aaa"), ("(a|aa)+$", "aaa"), ("(.*)*[xy]", "aax"),
    ("((a{0,30}){0,30}){0,30}", "aaa"), ("^(([a-z])+.)+[A-Z]([a-z])+$", "ab-Cd"),
  ])
  func `a match that takes too many steps is given up`(source: String, accepted: String) throws {
    let pattern = try Pattern(source)
    #expect(pattern.match(accepted) == .matches)
    #expect(pattern.match(hostile) == .limitExceeded)
  }

  @Test func `a source cannot raise the limits, only lower them`() throws {
    let raised = "(*LIMIT_MATCH=4000000000)(*LIMIT_DEPTH=4000000000)(*LIMIT_HEAP=4000000000)"
    #expect(try Pattern(raised + "(a+)+$").match("aaa") == .matches)
    #expect(try Pattern(raised + "(a+)+$").match(hostile) == .limitExceeded)
    #expect(try Pattern("(a|b)*c").match("ababc") == .matches)
    #expect(try Pattern("(*LIMIT_MATCH=3)(a|b)*c").match("ababc") == .limitExceeded)
  }

  @Test func `a match that nests too deeply is given up`() throws {
    let pattern = try Pattern("(?:a|b)*")
    #expect(pattern.match(String(repeating: "a", count: 1000)) == .matches)
    #expect(pattern.match(String(repeating: "a", count: 4000)) == .limitExceeded)
  }

  @Test func `recursion without an end is given up`() throws {
    let pattern = try Pattern("b|(?R)")
    #expect(pattern.match("b") == .matches)
    #expect(pattern.match("a") == .limitExceeded)
  }

  @Test(arguments: ["a", "ä"])
  func `a text is looked at up to 4096 bytes`(character: String) throws {
    let pattern = try Pattern(".*")
    let longest = String(repeating: character, count: 4096 / character.utf8.count)
    #expect(pattern.match(longest) == .matches)
    #expect(pattern.match(longest + character) == .limitExceeded)
  }
}

@Suite struct PatternErrorTests {
  @Test(arguments: ["a", "ä"])
  func `a source has up to 256 characters`(character: String) throws {
    let longest = String(repeating: character, count: 256)
    #expect(try Pattern(longest).match(longest) == .matches)
    let error = try #require(throws: PatternError.self) { try Pattern(longest + character) }
    #expect(
      error.description == "at offset 256: the pattern has 257 characters, and 256 are allowed")
  }

  @Test(arguments: [
    ("a)|(b", 1), ("(a|b", 4), ("ää)", 2), ("[a", 2), ("*a", 0), ("a{2,1}", 5), (#"ä\"#, 2),
    (#"a\C"#, 3), (#"\p{Nonsense}"#, 12),
  ])
  func `a malformed source is refused, and where it is so`(source: String, offset: Int) {
    #expect {
      try Pattern(source)
    } throws: { error in
      guard let error = error as? PatternError else { return false }
      return error.offset == offset && !error.message.isEmpty
    }
  }

  @Test func `an error tells the admin what is wrong`() throws {
    let error = try #require(throws: PatternError.self) { try Pattern("a)|(b") }
    #expect(error.description == "at offset 1: unmatched closing parenthesis")
  }

  @Test func `a source that grows too large when compiled is refused`() throws {
    let nested = try Pattern("((a{10}){10}){10}")
    #expect(nested.match(String(repeating: "a", count: 1000)) == .matches)
    let error = try #require(throws: PatternError.self) { try Pattern("((a{1000}){1000}){1000}") }
    #expect(error.message == "regular expression is too large")
  }
}
