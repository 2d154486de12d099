import Patterns
import Runners
import Testing

/// What holds for every policy and request, tried on random ones. The texts are few, so that rules and labels often meet.
@Suite struct LabelPolicyPropertyTests {
  static let cases = 2_000

  static let labels = [
    "gpu", "GPU", "cpu", "a", "b", "ab", "aab", "team-a", "Team-B", "linux", "x64", "ubuntu-latest",
    "Ubuntu-24.04-arm", "windows-2025", "macos-15-xlarge", "ubuntu", LabelRuleTests.hostile,
  ]
  static let patterns = [
    "", "gpu", "g.*", ".*", "a|b", "a$", "team-[a-c]", "(?-i)GPU", "(?!team).+", "ubuntu-.*",
    "[^a]+", "(a+)+$", "(a|aa)+$", #"\w+"#,
  ]

  /// Random policies, requests and choices.
  struct Source {
    var generator: SeededGenerator
    let labels: [Label]
    let entries: [AllowedLabel]
    let patterns: [LabelPattern]

    init(for test: String) throws {
      generator = SeededGenerator(for: test)
      labels = LabelPolicyPropertyTests.labels.compactMap(Label.init)
      entries = labels.map { .exactly($0) } + [.any]
      patterns = try LabelPolicyPropertyTests.patterns.map { try LabelPattern($0) }
    }

    mutating func some<Element>(_ elements: [Element], atMost count: Int) -> [Element] {
      let number = Int.random(in: 0...count, using: &generator)
      return (0..<number).compactMap { _ in elements.randomElement(using: &generator) }
    }

    mutating func policy() -> LabelPolicy {
      LabelPolicy(
        allowedLabels: some(entries, atMost: 4), labelPatterns: some(patterns, atMost: 3),
        maximumRunners: Bool.random(using: &generator)
          ? nil : .random(in: 0...4, using: &generator),
        requiresApproval: .random(using: &generator),
        allowedRunnerGroups: Bool.random(using: &generator)
          ? nil : Set(some([1, 2, 3], atMost: 3)),
        requiresJIT: Int.random(in: 0..<4, using: &generator) == 0,
        requiresEphemeral: Int.random(in: 0..<4, using: &generator) == 0)
    }

    mutating func policyOrNone() -> LabelPolicy? {
      Bool.random(using: &generator) ? policy() : nil
    }

    mutating func call() throws -> Call {
      Call(
        request: ProvisionRequest(
          name: .exactly(try #require(RunnerName("a"))),
          labels: Label.withoutDuplicates(some(labels, atMost: 4)),
          runnerGroupID: [nil, 1, 2].randomElement(using: &generator) ?? nil,
          ephemeral: .random(using: &generator)),
        kind: Bool.random(using: &generator) ? .jit : .registrationToken,
        live: .random(in: 0...4, using: &generator))
    }
  }

  struct Call {
    var request: ProvisionRequest
    let kind: Provisioning
    let live: Int

    func verdict(under policy: ApplicablePolicy) -> PolicyVerdict {
      policy.verdict(on: request, kind: kind, liveRunners: live, defaultRunnerGroupID: 1)
    }
  }

  @Test func `a policy with more entries or patterns never allows less`() throws {
    var source = try Source(for: "more entries")
    var allowed = 0
    for _ in 0..<Self.cases {
      let policy = source.policy()
      let claimed = source.policyOrNone()
      var wider = policy
      wider.allowedLabels = (policy.allowedLabels + source.some(source.entries, atMost: 3))
        .shuffled(using: &source.generator)
      wider.labelPatterns = (policy.labelPatterns + source.some(source.patterns, atMost: 3))
        .shuffled(using: &source.generator)
      let call = try source.call()
      let before = call.verdict(under: .stored(policy, narrowedBy: claimed))
      let after = call.verdict(under: .stored(wider, narrowedBy: claimed))
      #expect(before.allowedLabels.isSubset(of: after.allowedLabels))
      #expect(!before.isAllowed || after.isAllowed)
      allowed += before.isAllowed ? 1 : 0
    }
    // Else nothing would have been tried.
    #expect(allowed > 0 && allowed < Self.cases)
  }

  @Test func `the order of labels, entries and patterns never matters`() throws {
    var source = try Source(for: "order")
    for _ in 0..<Self.cases {
      let policy = source.policy()
      let claimed = source.policyOrNone()
      let call = try source.call()
      var shuffled = call
      shuffled.request.labels.shuffle(using: &source.generator)
      let before = call.verdict(under: .stored(policy, narrowedBy: claimed))
      let after = shuffled.verdict(
        under: .stored(
          source.shuffled(policy), narrowedBy: claimed.map { source.shuffled($0) }))
      #expect(before.withoutOrder == after.withoutOrder)
    }
  }

  @Test func `a token's policy never widens a stored one`() throws {
    var source = try Source(for: "token's policy")
    var narrowed = 0
    for _ in 0..<Self.cases {
      let stored = source.policy()
      let claimed = source.policy()
      let call = try source.call()
      let alone = call.verdict(under: .stored(stored, narrowedBy: nil))
      let both = call.verdict(under: .stored(stored, narrowedBy: claimed))
      #expect(!both.isAllowed || alone.isAllowed)
      #expect(both.allowedLabels.isSubset(of: alone.allowedLabels))
      #expect(!alone.requiresApproval || both.requiresApproval)
      narrowed += alone.isAllowed && !both.isAllowed ? 1 : 0
    }
    #expect(narrowed > 0)
  }

  @Test func `a request is allowed exactly when nothing speaks against it`() throws {
    var source = try Source(for: "verdict")
    var allowed = 0
    for _ in 0..<Self.cases {
      let stored = source.policyOrNone()
      let claimed = source.policyOrNone()
      let fallback = Bool.random(using: &source.generator) ? DefaultLabelPolicy.allow : .deny
      let call = try source.call()
      let verdict = call.verdict(
        under: ApplicablePolicy(
          stored: stored, claimed: claimed, default: fallback, defaultMaximumRunners: 2))
      let expected = Self.isAllowed(call, stored, claimed, fallback, defaultMaximum: 2)
      #expect(verdict.isAllowed == expected)
      #expect(verdict.isAllowed == verdict.reasons.isEmpty)
      #expect(verdict.labels.map(\.label) == call.request.labels)
      allowed += expected ? 1 : 0
    }
    #expect(allowed > 0 && allowed < Self.cases)
  }

  /// The rules once more, in another way: each policy by itself says yes or no to the whole request.
  static func isAllowed(
    _ call: Call, _ stored: LabelPolicy?, _ claimed: LabelPolicy?, _ fallback: DefaultLabelPolicy,
    defaultMaximum: Int
  ) -> Bool {
    let group = call.request.runnerGroupID ?? 1
    if stored == nil, claimed == nil {
      return fallback == .allow && group == 1 && call.live < defaultMaximum
    }
    // A token alone that names no limit has the default one.
    if stored == nil, let claimed, claimed.maximumRunners == nil, call.live >= defaultMaximum {
      return false
    }
    let isOpen = stored?.allowedRunnerGroups.map { $0.contains(group) } ?? (group == 1)
    return isOpen && (stored.map { allows(call, $0) } ?? true)
      && (claimed.map { allows(call, $0) && $0.allowedRunnerGroups?.contains(group) ?? true }
        ?? true)
  }

  private static func allows(_ call: Call, _ policy: LabelPolicy) -> Bool {
    let isJIT = call.kind == .jit
    return call.request.labels.allSatisfy { allows($0, policy) }
      && (isJIT || !policy.requiresJIT)
      && (isJIT || call.request.ephemeral || !policy.requiresEphemeral)
      && call.live < policy.maximumRunners ?? .max
  }

  private static func allows(_ label: Label, _ policy: LabelPolicy) -> Bool {
    let text = label.description.lowercased()
    let entries = Set(policy.allowedLabels.map { $0.description.lowercased() })
    let isHosted = text.contains(/^(ubuntu|windows|macos)-/)
    return Label.system.contains(label) || entries.contains(text)
      || !isHosted
        && (entries.contains("*")
          || policy.labelPatterns.contains { $0.match(label) == .matches })
  }
}

extension LabelPolicyPropertyTests.Source {
  mutating func shuffled(_ policy: LabelPolicy) -> LabelPolicy {
    var policy = policy
    policy.allowedLabels.shuffle(using: &generator)
    policy.labelPatterns.shuffle(using: &generator)
    return policy
  }
}

extension PolicyVerdict {
  fileprivate var allowedLabels: Set<Label> {
    Set(labels.filter { if case .allowed = $0.outcome { true } else { false } }.map(\.label))
  }

  /// What a verdict says, less which of several patterns that match it names.
  fileprivate struct WithoutOrder: Equatable {
    var outcomes: [Label: LabelVerdict.Outcome] = [:]
    var reasons: [Reason] = []
    let requiresApproval: Bool
  }

  fileprivate var withoutOrder: WithoutOrder {
    var result = WithoutOrder(requiresApproval: requiresApproval)
    for label in labels {
      switch label.outcome {
      case .allowed(by: .pattern): result.outcomes[label.label] = .allowed(by: .pattern(""))
      case .denied(.patternLimit(let sources)):
        result.outcomes[label.label] = .denied(.patternLimit(sources.sorted()))
      default: result.outcomes[label.label] = label.outcome
      }
    }
    result.reasons = reasons.map { reason in
      switch reason {
      case .labelsNotAllowed(let labels):
        .labelsNotAllowed(labels.sorted { $0.description < $1.description })
      case .patternLimit(let sources): .patternLimit(sources.sorted())
      default: reason
      }
    }
    return result
  }
}
