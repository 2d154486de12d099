import Testing

@testable import Runners

struct InvisibleCharacterTests {
  @Test(arguments: [
    ("plain", "plain"), ("é𝄞", "é𝄞"), ("a\u{7F}b", #"a\u007fb"#), ("\u{9B}31m", #"\u009b31m"#),
    ("\u{2028}\u{2029}", #"\u2028\u2029"#), ("\u{202E}gpj", #"\u202egpj"#),
    ("a\u{200B}b", #"a\u200bb"#), ("\u{E0001}", #"\udb40\udc01"#), ("e\u{301}", "e\u{301}"),
    ("", ""),
  ])
  func `what cannot be seen is escaped, and the rest stays as it is`(text: String, escaped: String)
  {
    #expect(Array(text.escapingInvisibleInJSON().utf8) == Array(escaped.utf8))
  }

  /// Whoever wrote the text chose how many there are. The text before each of them copied, this would take hours.
  @Test(.timeLimit(.minutes(1))) func `many of them take no longer each than a few`() {
    let count = 500_000
    let escaped = String(repeating: "\u{200B}", count: count).escapingInvisibleInJSON()
    #expect(escaped == String(repeating: #"\u200b"#, count: count))
  }
}
