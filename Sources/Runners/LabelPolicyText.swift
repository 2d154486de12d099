/// A label policy as it is written: for storing, showing and comparing, which must not depend on whether a pattern still
/// compiles. `LabelPolicy` is what decides.
public struct LabelPolicyText: Sendable, Equatable {
  /// Labels, or `*` for every label but those of GitHub's hosted runners.
  public let allowedLabels: [String]
  /// The patterns' sources.
  public let labelPatterns: [String]
  /// How many live runners the caller may have. nil for no limit; zero for none.
  public let maximumRunners: Int?
  /// Whether an admin approves each runner.
  public let requiresApproval: Bool
  /// nil for the default group only.
  public let allowedRunnerGroups: Set<Int64>?
  /// Whether registration tokens are refused.
  public let requiresJIT: Bool
  /// Whether runners that stay after a job are refused.
  public let requiresEphemeral: Bool
  /// For people; nil where the admin wrote none.
  public let description: String?

  public init(
    allowedLabels: [String], labelPatterns: [String], maximumRunners: Int?, requiresApproval: Bool,
    allowedRunnerGroups: Set<Int64>?, requiresJIT: Bool, requiresEphemeral: Bool,
    description: String?
  ) {
    self.allowedLabels = allowedLabels
    self.labelPatterns = labelPatterns
    self.maximumRunners = maximumRunners
    self.requiresApproval = requiresApproval
    self.allowedRunnerGroups = allowedRunnerGroups
    self.requiresJIT = requiresJIT
    self.requiresEphemeral = requiresEphemeral
    self.description = description
  }

  /// As the policy is written down; every policy can be.
  public init(_ policy: LabelPolicy) {
    self.init(
      allowedLabels: policy.allowedLabels.map(\.description),
      labelPatterns: policy.labelPatterns.map(\.source), maximumRunners: policy.maximumRunners,
      requiresApproval: policy.requiresApproval, allowedRunnerGroups: policy.allowedRunnerGroups,
      requiresJIT: policy.requiresJIT, requiresEphemeral: policy.requiresEphemeral,
      description: policy.description)
  }
}

/// Why a policy that was saved cannot decide: a library has been replaced since, or somebody else wrote the row. For the
/// log; an admin mends it by saving the policy anew.
public struct UnusableLabelPolicy: Error, Equatable, CustomStringConvertible {
  /// Whose policy it is.
  public let userIdentity: String
  /// The entry that is no label or pattern.
  public let entry: String

  public var description: String {
    "the label policy of \(userIdentity) has an entry that cannot be used; save it anew without: \(entry)"
  }
}

extension StoredLabelPolicy {
  /// The policy with its patterns compiled. A policy that is only half understood must not decide, so one bad entry makes
  /// all of it unusable.
  public func policy() throws(UnusableLabelPolicy) -> LabelPolicy {
    var labels: [AllowedLabel] = []
    for entry in text.allowedLabels {
      guard let label = AllowedLabel(entry) else {
        throw UnusableLabelPolicy(userIdentity: userIdentity, entry: entry)
      }
      labels.append(label)
    }
    var patterns: [LabelPattern] = []
    for entry in text.labelPatterns {
      guard let pattern = try? LabelPattern(entry) else {
        throw UnusableLabelPolicy(userIdentity: userIdentity, entry: entry)
      }
      patterns.append(pattern)
    }
    return LabelPolicy(
      allowedLabels: labels, labelPatterns: patterns, maximumRunners: text.maximumRunners,
      requiresApproval: text.requiresApproval, allowedRunnerGroups: text.allowedRunnerGroups,
      requiresJIT: text.requiresJIT, requiresEphemeral: text.requiresEphemeral,
      description: text.description)
  }
}
