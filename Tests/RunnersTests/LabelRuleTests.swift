import Patterns
import Runners
import Testing

/// A label that is asked for under one stored policy, and what becomes of it.
struct LabelCase: Sendable, CustomTestStringConvertible {
  let name: String
  let labels: [String]
  let patterns: [String]
  let asked: String
  let outcome: LabelVerdict.Outcome

  init(
    _ name: String, labels: [String] = [], patterns: [String] = [], asks asked: String,
    _ outcome: LabelVerdict.Outcome
  ) {
    self.name = name
    self.labels = labels
    self.patterns = patterns
    self.asked = asked
    self.outcome = outcome
  }

  var testDescription: String { name }

  func check() throws {
    let policy = try LabelPolicy(labels: labels, patterns: patterns)
    let label = try #require(Label(asked))
    let verdict = try ApplicablePolicy.stored(policy, narrowedBy: nil).verdict(asking: [asked])
    #expect(verdict.labels == [LabelVerdict(label, outcome)])
    switch outcome {
    case .allowed: #expect(verdict.reasons == [])
    case .denied(.patternLimit(let sources)):
      #expect(verdict.reasons == [.labelsNotAllowed([label]), .patternLimit(sources)])
    case .denied: #expect(verdict.reasons == [.labelsNotAllowed([label])])
    }
    #expect(verdict.isAllowed == verdict.reasons.isEmpty)
  }
}

extension LabelPolicy {
  /// From texts, as an admin writes them.
  init(labels: [String], patterns: [String] = []) throws {
    self.init(
      allowedLabels: try labels.map { try #require(AllowedLabel($0)) },
      labelPatterns: try patterns.map { try LabelPattern($0) })
  }
}

extension ApplicablePolicy {
  /// The verdict on a request for these labels that is otherwise beyond reproach.
  func verdict(asking labels: [String]) throws -> PolicyVerdict {
    verdict(
      on: try request(labels: labels), kind: .jit, liveRunners: 0, defaultRunnerGroupID: 1)
  }
}

func request(
  labels: [String] = [], group: Int64? = nil, ephemeral: Bool = true
) throws -> ProvisionRequest {
  ProvisionRequest(
    name: .exactly(try #require(RunnerName("a"))),
    labels: try labels.map { try #require(Label($0)) }, runnerGroupID: group,
    ephemeral: ephemeral)
}

@Suite struct LabelRuleTests {
  /// The longest label, one that `(a+)+$` cannot be decided on.
  static let hostile = String(repeating: "a", count: 255) + "-"

  @Test(arguments: [
    LabelCase("an exact entry", labels: ["gpu"], asks: "gpu", .allowed(by: .exact)),
    LabelCase("another label", labels: ["gpu"], asks: "cpu", .denied(.notAllowed)),
    LabelCase("the beginning of an entry", labels: ["gpu"], asks: "gp", .denied(.notAllowed)),
    LabelCase("more than an entry", labels: ["gpu"], asks: "gpu2", .denied(.notAllowed)),
    LabelCase("an entry in other case", labels: ["GPU"], asks: "gpu", .allowed(by: .exact)),
    LabelCase("a label in other case", labels: ["gpu"], asks: "GpU", .allowed(by: .exact)),
    LabelCase("the last of entries", labels: ["a", "b", "c"], asks: "c", .allowed(by: .exact)),
    LabelCase("none of entries", labels: ["a", "b", "c"], asks: "d", .denied(.notAllowed)),
    LabelCase("an entry twice", labels: ["a", "A"], asks: "a", .allowed(by: .exact)),
    LabelCase("a dot in an entry", labels: ["v1.0"], asks: "v1.0", .allowed(by: .exact)),
    LabelCase("no wildcard in an entry", labels: ["v1.0"], asks: "v1x0", .denied(.notAllowed)),
    LabelCase("any", labels: ["*"], asks: "gpu", .allowed(by: .any)),
    LabelCase("any beside an entry", labels: ["*", "gpu"], asks: "gpu", .allowed(by: .exact)),
    LabelCase("an entry beside any", labels: ["gpu", "*"], asks: "cpu", .allowed(by: .any)),
    LabelCase("any and the longest label", labels: ["*"], asks: hostile, .allowed(by: .any)),
    LabelCase("nothing", asks: "gpu", .denied(.notAllowed)),
  ])
  func `an entry covers the label that it is`(sample: LabelCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    LabelCase("self-hosted", asks: "self-hosted", .allowed(by: .system)),
    LabelCase("in other case", asks: "Self-Hosted", .allowed(by: .system)),
    LabelCase("linux", asks: "linux", .allowed(by: .system)),
    LabelCase("windows", asks: "Windows", .allowed(by: .system)),
    LabelCase("macos", asks: "macOS", .allowed(by: .system)),
    LabelCase("x64", asks: "X64", .allowed(by: .system)),
    LabelCase("x86", asks: "x86", .allowed(by: .system)),
    LabelCase("arm", asks: "arm", .allowed(by: .system)),
    LabelCase("arm64", asks: "ARM64", .allowed(by: .system)),
    LabelCase("an entry of the same", labels: ["linux"], asks: "linux", .allowed(by: .system)),
    LabelCase("more than linux", asks: "linux-gpu", .denied(.notAllowed)),
    LabelCase("less than linux", asks: "linu", .denied(.notAllowed)),
    LabelCase("more than self-hosted", asks: "self-hosted2", .denied(.notAllowed)),
    LabelCase("more than x64", asks: "x64-large", .denied(.notAllowed)),
    LabelCase("another architecture", asks: "riscv64", .denied(.notAllowed)),
    LabelCase("another system", asks: "freebsd", .denied(.notAllowed)),
  ])
  func `a system label needs no rule, and nothing like it is one`(sample: LabelCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    LabelCase("as it is", patterns: ["gpu"], asks: "gpu", .allowed(by: .pattern("gpu"))),
    LabelCase("longer at its end", patterns: ["gpu"], asks: "gpu2", .denied(.notAllowed)),
    LabelCase("longer at its beginning", patterns: ["gpu"], asks: "xgpu", .denied(.notAllowed)),
    LabelCase("a tail", patterns: ["gpu-.+"], asks: "gpu-a100", .allowed(by: .pattern("gpu-.+"))),
    LabelCase("no tail", patterns: ["gpu-.+"], asks: "gpu-", .denied(.notAllowed)),
    LabelCase("a choice's first", patterns: ["a|b"], asks: "a", .allowed(by: .pattern("a|b"))),
    LabelCase("a choice's second", patterns: ["a|b"], asks: "b", .allowed(by: .pattern("a|b"))),
    LabelCase("before a choice", patterns: ["a|b"], asks: "xb", .denied(.notAllowed)),
    LabelCase("after a choice", patterns: ["a|b"], asks: "ax", .denied(.notAllowed)),
    LabelCase("both of a choice", patterns: ["a|b"], asks: "ab", .denied(.notAllowed)),
    LabelCase(
      "a short choice first", patterns: ["a|ab"], asks: "ab", .allowed(by: .pattern("a|ab"))),
    LabelCase("an end", patterns: ["a$"], asks: "a", .allowed(by: .pattern("a$"))),
    LabelCase("beyond an end", patterns: ["a$"], asks: "ab", .denied(.notAllowed)),
    LabelCase("a beginning", patterns: ["^a"], asks: "a", .allowed(by: .pattern("^a"))),
    LabelCase("before a beginning", patterns: ["^a"], asks: "ba", .denied(.notAllowed)),
    LabelCase("other case", patterns: ["gpu"], asks: "GPU", .allowed(by: .pattern("gpu"))),
    LabelCase(
      "other case of a pattern", patterns: ["GPU"], asks: "gpu", .allowed(by: .pattern("GPU"))),
    LabelCase(
      "a range in other case", patterns: ["[a-c]"], asks: "B", .allowed(by: .pattern("[a-c]"))),
    LabelCase("beyond a range", patterns: ["[a-c]"], asks: "D", .denied(.notAllowed)),
    LabelCase(
      "a class turned round", patterns: ["[^a]"], asks: "b", .allowed(by: .pattern("[^a]"))),
    LabelCase("and in other case", patterns: ["[^a]"], asks: "A", .denied(.notAllowed)),
    LabelCase("any dot", patterns: ["v1.0"], asks: "v1x0", .allowed(by: .pattern("v1.0"))),
    LabelCase("a dot itself", patterns: [#"v1\.0"#], asks: "v1x0", .denied(.notAllowed)),
    LabelCase("a digit", patterns: [#"node\d"#], asks: "node7", .allowed(by: .pattern(#"node\d"#))),
    LabelCase("no digit", patterns: [#"node\d"#], asks: "nodex", .denied(.notAllowed)),
    LabelCase("nothing at all", patterns: [""], asks: "a", .denied(.notAllowed)),
    LabelCase("all", patterns: [".*"], asks: "gpu", .allowed(by: .pattern(".*"))),
    LabelCase("no star of its own", patterns: [#"\*"#], asks: "gpu", .denied(.notAllowed)),
    LabelCase(
      "all but one", patterns: ["(?!prod).*"], asks: "test", .allowed(by: .pattern("(?!prod).*"))),
    LabelCase("that one", patterns: ["(?!prod).*"], asks: "Prod-1", .denied(.notAllowed)),
    LabelCase("the second", patterns: ["x", "g.*"], asks: "gpu", .allowed(by: .pattern("g.*"))),
    LabelCase(
      "the first of two", patterns: ["g.*", ".*u"], asks: "gpu", .allowed(by: .pattern("g.*"))),
  ])
  func `a pattern covers whole labels`(sample: LabelCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    LabelCase("case that counts", patterns: ["(?-i)GPU"], asks: "gpu", .denied(.notAllowed)),
    LabelCase(
      "and is right", patterns: ["(?-i)GPU"], asks: "GPU", .allowed(by: .pattern("(?-i)GPU"))),
    LabelCase(
      "case that counts in part", patterns: ["(?-i:A)b"], asks: "AB",
      .allowed(by: .pattern("(?-i:A)b"))),
    LabelCase("and is wrong", patterns: ["(?-i:A)b"], asks: "ab", .denied(.notAllowed)),
    LabelCase("lines", patterns: ["(?m)a$"], asks: "a", .allowed(by: .pattern("(?m)a$"))),
    LabelCase("lines and more", patterns: ["(?m)^a$"], asks: "a-b", .denied(.notAllowed)),
    LabelCase(
      "a dot for all", patterns: ["(?s)a.b"], asks: "a-b", .allowed(by: .pattern("(?s)a.b"))),
    LabelCase("a dot for all and more", patterns: ["(?s)a.b"], asks: "a-bc", .denied(.notAllowed)),
    LabelCase(
      "blanks", patterns: ["(?x) a b #c"], asks: "ab", .allowed(by: .pattern("(?x) a b #c"))),
    LabelCase("blanks and more", patterns: ["(?x) a b #c"], asks: "abc", .denied(.notAllowed)),
    LabelCase("an early end", patterns: ["a(*ACCEPT)b"], asks: "ax", .denied(.notAllowed)),
    LabelCase("a late beginning", patterns: [#".*\Kb"#], asks: "abx", .denied(.notAllowed)),
  ])
  func `nothing in a pattern gets around that`(sample: LabelCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    LabelCase(
      "an entry beside a pattern", labels: ["gpu"], patterns: ["c.*"], asks: "gpu",
      .allowed(by: .exact)),
    LabelCase(
      "a pattern beside an entry", labels: ["gpu"], patterns: ["c.*"], asks: "cpu",
      .allowed(by: .pattern("c.*"))),
    LabelCase("neither", labels: ["gpu"], patterns: ["c.*"], asks: "tpu", .denied(.notAllowed)),
    LabelCase("both", labels: ["gpu"], patterns: ["g.*"], asks: "gpu", .allowed(by: .exact)),
    LabelCase(
      "any and a pattern", labels: ["*"], patterns: ["g.*"], asks: "gpu", .allowed(by: .any)),
  ])
  func `entries and patterns add up`(sample: LabelCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    LabelCase("by any", labels: ["*"], asks: "ubuntu-latest", .denied(.hostedRunnerLabel)),
    LabelCase(
      "by a pattern for all", patterns: [".*"], asks: "ubuntu-latest", .denied(.hostedRunnerLabel)),
    LabelCase(
      "by a pattern for them", patterns: ["ubuntu-.*"], asks: "ubuntu-24.04",
      .denied(.hostedRunnerLabel)),
    LabelCase(
      "by a pattern for it", patterns: ["ubuntu-latest"], asks: "ubuntu-latest",
      .denied(.hostedRunnerLabel)),
    LabelCase("in other case", labels: ["*"], asks: "Ubuntu-Latest", .denied(.hostedRunnerLabel)),
    LabelCase("Arm", labels: ["*"], asks: "ubuntu-24.04-arm", .denied(.hostedRunnerLabel)),
    LabelCase("a small one", labels: ["*"], asks: "ubuntu-slim", .denied(.hostedRunnerLabel)),
    LabelCase("Windows", labels: ["*"], asks: "windows-11-arm", .denied(.hostedRunnerLabel)),
    LabelCase("macOS", labels: ["*"], asks: "macOS-latest", .denied(.hostedRunnerLabel)),
    LabelCase(
      "a larger one", labels: ["*"], asks: "macos-latest-xlarge", .denied(.hostedRunnerLabel)),
    LabelCase("one to come", labels: ["*"], asks: "macos-99-vast", .denied(.hostedRunnerLabel)),
    LabelCase("by no rule", labels: ["gpu"], asks: "ubuntu-latest", .denied(.notAllowed)),
    LabelCase(
      "by an entry", labels: ["ubuntu-latest"], asks: "ubuntu-latest", .allowed(by: .exact)),
    LabelCase(
      "by an entry in other case", labels: ["Ubuntu-22.04"], asks: "ubuntu-22.04",
      .allowed(by: .exact)),
    LabelCase(
      "by an entry beside any", labels: ["*", "windows-2025"], asks: "windows-2025",
      .allowed(by: .exact)),
    LabelCase(
      "by an entry for another", labels: ["*", "windows-2025"], asks: "windows-2022",
      .denied(.hostedRunnerLabel)),
    LabelCase("only like one: no hyphen", labels: ["*"], asks: "ubuntu", .allowed(by: .any)),
    LabelCase(
      "only like one: another beginning", labels: ["*"], asks: "my-ubuntu-latest",
      .allowed(by: .any)),
    LabelCase(
      "only like one: another system", labels: ["*"], asks: "debian-12", .allowed(by: .any)),
    LabelCase("only like one: an underscore", labels: ["*"], asks: "macos_15", .allowed(by: .any)),
  ])
  func `a label of GitHub's hosted runners needs an entry of its own`(sample: LabelCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    LabelCase("alone", patterns: ["(a+)+$"], asks: hostile, .denied(.patternLimit(["(a+)+$"]))),
    LabelCase(
      "on another label", patterns: ["(a+)+$"], asks: "aaa", .allowed(by: .pattern("(a+)+$"))),
    LabelCase("and on one that differs", patterns: ["(a+)+$"], asks: "b", .denied(.notAllowed)),
    LabelCase(
      "beside an entry", labels: [hostile], patterns: ["(a+)+$"], asks: hostile,
      .allowed(by: .exact)),
    LabelCase("beside any", labels: ["*"], patterns: ["(a+)+$"], asks: hostile, .allowed(by: .any)),
    LabelCase(
      "before a match", patterns: ["(a+)+$", "a+-"], asks: hostile, .allowed(by: .pattern("a+-"))),
    LabelCase(
      "after a match", patterns: ["a+-", "(a+)+$"], asks: hostile, .allowed(by: .pattern("a+-"))),
    LabelCase(
      "beside a pattern that differs", patterns: ["b", "(a+)+$"], asks: hostile,
      .denied(.patternLimit(["(a+)+$"]))),
    LabelCase(
      "twice", patterns: ["(a+)+$", "(a|aa)+$"], asks: hostile,
      .denied(.patternLimit(["(a+)+$", "(a|aa)+$"]))),
    LabelCase(
      "on a hosted runner's label", patterns: ["ubuntu-(a+)+$"],
      asks: "ubuntu-" + hostile.dropFirst(7), .denied(.patternLimit(["ubuntu-(a+)+$"]))),
  ])
  func `a pattern that hits a limit allows nothing and forbids nothing`(sample: LabelCase) throws {
    try sample.check()
  }

  @Test func `a pattern is named once however many labels it leaves undecided`() throws {
    let policy = try LabelPolicy(labels: [], patterns: ["(a+)+$", "(a+)+$"])
    let labels = [Self.hostile, "b", "a" + Self.hostile.dropFirst(2)]
    let verdict = try ApplicablePolicy.stored(policy, narrowedBy: nil).verdict(asking: labels)
    #expect(
      verdict.reasons == [
        .labelsNotAllowed(labels.compactMap(Label.init)), .patternLimit(["(a+)+$"]),
      ])
  }

  @Test func `each label has its verdict, in the order of the request`() throws {
    let policy = try LabelPolicy(labels: ["gpu"], patterns: ["team-.*"])
    let verdict = try ApplicablePolicy.stored(policy, narrowedBy: nil).verdict(
      asking: ["b", "GPU", "linux", "team-x", "a"])
    #expect(verdict.labels.map(\.label.description) == ["b", "GPU", "linux", "team-x", "a"])
    #expect(
      verdict.labels.map(\.outcome) == [
        .denied(.notAllowed), .allowed(by: .exact), .allowed(by: .system),
        .allowed(by: .pattern("team-.*")), .denied(.notAllowed),
      ])
    #expect(
      verdict.reasons == [.labelsNotAllowed(["b", "a"].compactMap(Label.init))])
  }
}

@Suite struct LabelPatternTests {
  @Test(arguments: ["\u{212A}ube", "\u{17F}sd", "gpu–a", "ａ", "é", "(?i)\u{212A}", "[^ä]"])
  func `a character that no label has is refused`(source: String) {
    #expect(throws: PatternError.self) { try LabelPattern(source) }
  }

  @Test(arguments: [
    #"\x{212A}"#, #"\x{17f}"#, #"[\x{80}-\x{10ffff}]+"#, #"\N{U+212A}"#, #"(*UTF)\x{212A}"#,
    "(*UTF)k",
  ])
  func `so is an escape for it, which would cover k or s by way of their case`(source: String) {
    #expect(throws: PatternError.self) { try LabelPattern(source) }
  }

  @Test(arguments: [
    (#"[\x80-\xff]+"#, Match.differs), (#"(*UCP)[\x80-\xff]+"#, .differs), (#"\P{L}+"#, .differs),
    ("[[:^ascii:]]+", .differs), (#"[^\x00-\x7f]+"#, .differs), ("KS", .matches),
    (#"(*UCP)\w+"#, .matches),
  ])
  func `a class of other characters does not cover k and s`(source: String, match: Match) throws {
    #expect(try LabelPattern(source).match(#require(Label("ks"))) == match)
  }

  @Test(arguments: ["a)|(b", "[a", "*", #"\C"#, String(repeating: "a", count: 257)])
  func `a source that is no pattern is refused`(source: String) {
    #expect(throws: PatternError.self) { try LabelPattern(source) }
  }

  @Test func `a source of 256 characters covers the longest label`() throws {
    let source = String(repeating: "a", count: LabelPattern.maximumLength)
    #expect(try LabelPattern(source).match(#require(Label(source))) == .matches)
  }

  @Test func `patterns are equal by their sources`() throws {
    #expect(try LabelPattern("a|b") == LabelPattern("a|b"))
    #expect(try LabelPattern("a|b") != LabelPattern("b|a"))
    #expect(try LabelPattern("a") != LabelPattern("A"))
  }
}

@Suite struct AllowedLabelTests {
  @Test func `an entry is a label or a star, and is written as it came`() {
    #expect(AllowedLabel("*") == .any)
    #expect(AllowedLabel("*")?.description == "*")
    #expect(AllowedLabel("GPU")?.description == "GPU")
    #expect(AllowedLabel("GPU") == AllowedLabel("gpu"))
  }

  @Test(arguments: [
    "", "**", "gpu*", "a b", "é", "\u{212A}", "-a", String(repeating: "a", count: 257),
  ])
  func `other text is no entry`(text: String) {
    #expect(AllowedLabel(text) == nil)
  }
}
