import Runners

/// Which policy applies to a caller, for the caller.
struct PolicyRepresentation: Encodable {
  /// `stored`, `token`, `stored_and_token` or `default`.
  let source: String
  /// Of the stored policy.
  let revision: Int64?
  /// Of the default policy: `deny` or `allow`.
  let verdict: String?
  /// All of which must allow; none where the default decides.
  let rules: [Rules]

  struct Rules: Encodable {
    let allowedLabels: [String]
    let labelPatterns: [String]
    let requiresApproval: Bool
    let allowedRunnerGroups: [Int64]?
    let requiresJIT: Bool
    let requiresEphemeral: Bool

    private enum CodingKeys: String, CodingKey {
      case allowedLabels = "allowed_labels"
      case labelPatterns = "label_patterns"
      case requiresApproval = "require_approval"
      case allowedRunnerGroups = "allowed_runner_groups"
      case requiresJIT = "require_jit"
      case requiresEphemeral = "require_ephemeral"
    }

    init(_ policy: LabelPolicy) {
      allowedLabels = policy.allowedLabels.map(\.description)
      labelPatterns = policy.labelPatterns.map(\.source)
      requiresApproval = policy.requiresApproval
      allowedRunnerGroups = policy.allowedRunnerGroups?.sorted()
      requiresJIT = policy.requiresJIT
      requiresEphemeral = policy.requiresEphemeral
    }
  }

  init(_ decision: Decision) {
    self.init(decision.policy, revision: decision.revision)
  }

  init(_ policy: ApplicablePolicy, revision: Int64?) {
    self.revision = revision
    rules = policy.policies.map(Rules.init)
    switch policy {
    case .stored(_, narrowedBy: nil): (source, verdict) = ("stored", nil)
    case .stored: (source, verdict) = ("stored_and_token", nil)
    case .claimed: (source, verdict) = ("token", nil)
    case .everything: (source, verdict) = ("default", DefaultLabelPolicy.allow.rawValue)
    case .nothing: (source, verdict) = ("default", DefaultLabelPolicy.deny.rawValue)
    }
  }
}
