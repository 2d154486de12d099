import Runners
import Testing

/// A request under the policies that apply to its caller, and everything that speaks against it.
struct RequestCase: Sendable, CustomTestStringConvertible {
  let name: String
  let policy: ApplicablePolicy
  var group: Int64?
  var ephemeral = true
  var kind = Provisioning.registrationToken
  var live = 0
  let reasons: [PolicyVerdict.Reason]

  var testDescription: String { name }

  init(
    _ name: String, _ policy: ApplicablePolicy, group: Int64? = nil, ephemeral: Bool = true,
    kind: Provisioning = .registrationToken, live: Int = 0, _ reasons: [PolicyVerdict.Reason]
  ) {
    self.name = name
    self.policy = policy
    self.group = group
    self.ephemeral = ephemeral
    self.kind = kind
    self.live = live
    self.reasons = reasons
  }

  /// With 1 as the default group.
  func check() throws {
    let verdict = policy.verdict(
      on: try request(group: group, ephemeral: ephemeral), kind: kind, liveRunners: live,
      defaultRunnerGroupID: 1)
    #expect(verdict.reasons == reasons)
    #expect(verdict.isAllowed == reasons.isEmpty)
    #expect(verdict.labels.isEmpty)
  }
}

private func stored(_ policy: LabelPolicy) -> ApplicablePolicy {
  .stored(policy, narrowedBy: nil)
}

private func both(_ stored: LabelPolicy, _ claimed: LabelPolicy) -> ApplicablePolicy {
  .stored(stored, narrowedBy: claimed)
}

@Suite struct RequestVerdictTests {
  @Test(arguments: [
    RequestCase("the default group, unsaid", stored(.init()), []),
    RequestCase("the default group, named", stored(.init()), group: 1, []),
    RequestCase("another group", stored(.init()), group: 2, [.runnerGroupNotAllowed(2)]),
    RequestCase("a group of the policy", stored(.init(allowedRunnerGroups: [2, 3])), group: 3, []),
    RequestCase(
      "a group beside those of the policy", stored(.init(allowedRunnerGroups: [2, 3])), group: 4,
      [.runnerGroupNotAllowed(4)]),
    RequestCase(
      "the default group beside those of the policy", stored(.init(allowedRunnerGroups: [2])),
      [.runnerGroupNotAllowed(1)]),
    RequestCase(
      "the default group among those of the policy", stored(.init(allowedRunnerGroups: [1, 2])), []),
    RequestCase(
      "no group", stored(.init(allowedRunnerGroups: [])), group: 1, [.runnerGroupNotAllowed(1)]),
    RequestCase("a claim opens no group", .claimed(.init()), group: 2, [.runnerGroupNotAllowed(2)]),
    RequestCase(
      "a claim that names a group opens it no more", .claimed(.init(allowedRunnerGroups: [1, 2])),
      group: 2, [.runnerGroupNotAllowed(2)]),
    RequestCase(
      "nor beside a stored policy", both(.init(), .init(allowedRunnerGroups: [1, 2])), group: 2,
      [.runnerGroupNotAllowed(2)]),
    RequestCase("a claim leaves the default group", .claimed(.init()), group: 1, []),
    RequestCase(
      "a claim leaves the stored groups", both(.init(allowedRunnerGroups: [2]), .init()), group: 2,
      []),
    RequestCase(
      "a claim can close a stored group",
      both(.init(allowedRunnerGroups: [1, 2]), .init(allowedRunnerGroups: [1])), group: 2,
      [.runnerGroupNotAllowed(2)]),
    RequestCase("allow and the default group", .everything(maximumRunners: nil), group: 1, []),
    RequestCase(
      "allow opens no other", .everything(maximumRunners: nil), group: 2,
      [.runnerGroupNotAllowed(2)]),
  ])
  func `a runner group is open only where the stored policy says so`(sample: RequestCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    RequestCase("JIT where it is required", stored(.init(requiresJIT: true)), kind: .jit, []),
    RequestCase("a token where JIT is required", stored(.init(requiresJIT: true)), [.jitRequired]),
    RequestCase("a token where JIT is not required", stored(.init()), []),
    RequestCase("JIT where it is not required", stored(.init()), kind: .jit, []),
    RequestCase(
      "ephemeral where it is required", stored(.init(requiresEphemeral: true)), []),
    RequestCase(
      "lasting where ephemeral is required", stored(.init(requiresEphemeral: true)),
      ephemeral: false, [.ephemeralRequired]),
    RequestCase(
      "JIT is ephemeral whatever it says", stored(.init(requiresEphemeral: true)),
      ephemeral: false, kind: .jit, []),
    RequestCase("lasting where nothing is required", stored(.init()), ephemeral: false, []),
    RequestCase(
      "both required, neither so", stored(.init(requiresJIT: true, requiresEphemeral: true)),
      ephemeral: false, [.jitRequired, .ephemeralRequired]),
    RequestCase(
      "a claim cannot take back JIT", both(.init(requiresJIT: true), .init()), [.jitRequired]),
    RequestCase("a claim can require JIT", both(.init(), .init(requiresJIT: true)), [.jitRequired]),
    RequestCase(
      "a claim cannot take back ephemeral", both(.init(requiresEphemeral: true), .init()),
      ephemeral: false, [.ephemeralRequired]),
    RequestCase(
      "a claim can require ephemeral", both(.init(), .init(requiresEphemeral: true)),
      ephemeral: false, [.ephemeralRequired]),
    RequestCase(
      "a claim alone can require JIT", .claimed(.init(requiresJIT: true)), [.jitRequired]),
    RequestCase("allow requires nothing", .everything(maximumRunners: nil), ephemeral: false, []),
  ])
  func `the kind of runner is what each policy requires`(sample: RequestCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    RequestCase("no limit", stored(.init()), live: 10_000, []),
    RequestCase("below it", stored(.init(maximumRunners: 2)), live: 1, []),
    RequestCase(
      "at it", stored(.init(maximumRunners: 2)), live: 2, [.quotaExceeded(limit: 2, current: 2)]),
    RequestCase(
      "above it", stored(.init(maximumRunners: 2)), live: 3, [.quotaExceeded(limit: 2, current: 3)]),
    RequestCase(
      "zero", stored(.init(maximumRunners: 0)), [.quotaExceeded(limit: 0, current: 0)]),
    RequestCase("one", stored(.init(maximumRunners: 1)), []),
    RequestCase(
      "a smaller one in the claim", both(.init(maximumRunners: 5), .init(maximumRunners: 2)),
      live: 2, [.quotaExceeded(limit: 2, current: 2)]),
    RequestCase(
      "a greater one in the claim", both(.init(maximumRunners: 2), .init(maximumRunners: 5)),
      live: 2, [.quotaExceeded(limit: 2, current: 2)]),
    RequestCase(
      "below both", both(.init(maximumRunners: 2), .init(maximumRunners: 5)), live: 1, []),
    RequestCase(
      "none in the claim", both(.init(maximumRunners: 2), .init()), live: 2,
      [.quotaExceeded(limit: 2, current: 2)]),
    RequestCase(
      "none in the stored policy", both(.init(), .init(maximumRunners: 2)), live: 2,
      [.quotaExceeded(limit: 2, current: 2)]),
    RequestCase("none in either", both(.init(), .init()), live: 10_000, []),
    RequestCase(
      "zero in the claim", both(.init(), .init(maximumRunners: 0)),
      [.quotaExceeded(limit: 0, current: 0)]),
    RequestCase(
      "in the claim alone", .claimed(.init(maximumRunners: 1)), live: 1,
      [.quotaExceeded(limit: 1, current: 1)]),
    RequestCase("none in the claim alone", .claimed(.init()), live: 10_000, []),
    RequestCase("allow without a limit", .everything(maximumRunners: nil), live: 10_000, []),
    RequestCase("allow below its limit", .everything(maximumRunners: 3), live: 2, []),
    RequestCase(
      "allow at its limit", .everything(maximumRunners: 3), live: 3,
      [.quotaExceeded(limit: 3, current: 3)]),
  ])
  func `the smallest limit on live runners counts`(sample: RequestCase) throws {
    try sample.check()
  }

  @Test(arguments: [
    RequestCase("deny", .nothing, [.noPolicy]),
    RequestCase("deny JIT", .nothing, kind: .jit, [.noPolicy]),
    RequestCase("deny another group", .nothing, group: 2, [.noPolicy, .runnerGroupNotAllowed(2)]),
    RequestCase("a claim without a rule is a policy", .claimed(.init()), []),
  ])
  func `without a policy there is no runner`(sample: RequestCase) throws {
    try sample.check()
  }

  @Test func `every reason is given, in the documented order`() throws {
    let hostile = LabelRuleTests.hostile
    var policy = try LabelPolicy(labels: ["gpu"], patterns: ["(a+)+$"])
    policy.maximumRunners = 1
    policy.requiresJIT = true
    policy.requiresEphemeral = true
    policy.requiresApproval = true
    let verdict = stored(policy).verdict(
      on: try request(labels: ["gpu", "cpu", hostile], group: 7, ephemeral: false),
      kind: .registrationToken, liveRunners: 4, defaultRunnerGroupID: 1)
    #expect(
      verdict.reasons == [
        .labelsNotAllowed(["cpu", hostile].compactMap(Label.init)), .runnerGroupNotAllowed(7),
        .jitRequired, .ephemeralRequired, .quotaExceeded(limit: 1, current: 4),
        .patternLimit(["(a+)+$"]),
      ])
    #expect(verdict.requiresApproval)
    #expect(!verdict.isAllowed)
  }

  @Test(arguments: [
    (stored(.init(requiresApproval: true)), true), (stored(.init()), false),
    (both(.init(requiresApproval: true), .init()), true),
    (both(.init(), .init(requiresApproval: true)), true), (both(.init(), .init()), false),
    (.claimed(.init(requiresApproval: true)), true), (.claimed(.init()), false),
    (.everything(maximumRunners: nil), false),
  ])
  func `approval is asked for where any policy requires it, and is no reason against`(
    policy: ApplicablePolicy, required: Bool
  ) throws {
    let verdict = try policy.verdict(asking: [])
    #expect(verdict.requiresApproval == required)
    #expect(verdict.isAllowed)
  }
}

@Suite struct ApplicablePolicyTests {
  let one = LabelPolicy(maximumRunners: 1)
  let two = LabelPolicy(maximumRunners: 2)

  @Test(arguments: DefaultLabelPolicy.allCases)
  func `a policy, stored or claimed, takes the default's place`(fallback: DefaultLabelPolicy) {
    func applicable(_ stored: LabelPolicy?, _ claimed: LabelPolicy?) -> ApplicablePolicy {
      ApplicablePolicy(
        stored: stored, claimed: claimed, default: fallback, defaultMaximumRunners: 9)
    }
    #expect(applicable(one, two) == .stored(one, narrowedBy: two))
    #expect(applicable(one, nil) == .stored(one, narrowedBy: nil))
    #expect(applicable(nil, two) == .claimed(two))
    #expect(
      applicable(nil, nil) == (fallback == .allow ? .everything(maximumRunners: 9) : .nothing))
  }

  /// What becomes of `gpu`, or of another label.
  @Test(
    arguments: [
      (["gpu"], ["gpu"], "gpu", .allowed(by: .exact)),
      (["gpu"], ["cpu"], "gpu", .denied(.notAllowed)),
      (["cpu"], ["gpu"], "gpu", .denied(.notAllowed)),
      (["gpu"], [], "gpu", .denied(.notAllowed)),
      ([], ["gpu"], "gpu", .denied(.notAllowed)),
      ([], ["*"], "gpu", .denied(.notAllowed)),
      (["gpu"], ["*"], "gpu", .allowed(by: .exact)),
      (["*"], ["gpu"], "gpu", .allowed(by: .any)),
      (["*"], ["*"], "gpu", .allowed(by: .any)),
      ([], [], "linux", .allowed(by: .system)),
      (["ubuntu-latest"], ["ubuntu-latest"], "ubuntu-latest", .allowed(by: .exact)),
      (["ubuntu-latest"], ["*"], "ubuntu-latest", .denied(.hostedRunnerLabel)),
      (["*"], ["ubuntu-latest"], "ubuntu-latest", .denied(.hostedRunnerLabel)),
    ] as [([String], [String], String, LabelVerdict.Outcome)])
  func `a label needs a rule in the stored policy and in the token's`(
    stored: [String], claimed: [String], asked: String, outcome: LabelVerdict.Outcome
  ) throws {
    let policy = ApplicablePolicy.stored(
      try LabelPolicy(labels: stored), narrowedBy: try LabelPolicy(labels: claimed))
    #expect(try policy.verdict(asking: [asked]).labels.map(\.outcome) == [outcome])
  }

  @Test func `patterns of both policies have to match`() throws {
    let policy = ApplicablePolicy.stored(
      try LabelPolicy(labels: [], patterns: ["gpu-.*"]),
      narrowedBy: try LabelPolicy(labels: [], patterns: [".*-red"]))
    let verdict = try policy.verdict(asking: ["gpu-red", "gpu-blue", "cpu-red"])
    #expect(
      verdict.labels.map(\.outcome) == [
        .allowed(by: .pattern("gpu-.*")), .denied(.notAllowed), .denied(.notAllowed),
      ])
  }

  @Test func `a limit counts in whichever policy the label depends on`() throws {
    let hostile = LabelRuleTests.hostile
    let slow = try LabelPolicy(labels: [], patterns: ["(a+)+$"])
    let any = try LabelPolicy(labels: ["*"])
    let limited = LabelVerdict.Outcome.denied(.patternLimit(["(a+)+$"]))
    func outcomes(_ stored: LabelPolicy, _ claimed: LabelPolicy) throws -> [LabelVerdict.Outcome] {
      try both(stored, claimed).verdict(asking: [hostile]).labels.map(\.outcome)
    }
    #expect(try outcomes(slow, any) == [limited])
    #expect(try outcomes(any, slow) == [limited])
    #expect(try outcomes(LabelPolicy(), slow) == [.denied(.notAllowed)])
    #expect(try outcomes(any, any) == [.allowed(by: .any)])
  }

  @Test func `a token's policy alone has the same rules as a stored one`() throws {
    let policy = ApplicablePolicy.claimed(try LabelPolicy(labels: ["gpu"], patterns: ["x.*"]))
    #expect(
      try policy.verdict(asking: ["gpu", "x1", "ubuntu-latest"]).labels.map(\.outcome) == [
        .allowed(by: .exact), .allowed(by: .pattern("x.*")), .denied(.notAllowed),
      ])
  }

  @Test func `allow grants every label, those of hosted runners too`() throws {
    let verdict = try ApplicablePolicy.everything(maximumRunners: nil).verdict(
      asking: ["gpu", "ubuntu-latest", "linux"])
    #expect(
      verdict.labels.map(\.outcome) == [
        .allowed(by: .defaultPolicy), .allowed(by: .defaultPolicy), .allowed(by: .system),
      ])
    #expect(verdict.isAllowed)
  }

  @Test func `deny grants none, and not even a runner without labels of its own`() throws {
    #expect(try ApplicablePolicy.nothing.verdict(asking: ["linux"]).reasons == [.noPolicy])
    #expect(
      try ApplicablePolicy.nothing.verdict(asking: ["linux", "gpu"]).reasons == [
        .noPolicy, .labelsNotAllowed(["gpu"].compactMap(Label.init)),
      ])
  }
}
