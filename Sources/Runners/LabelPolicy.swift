/// What one caller may have, as an admin laid it down or as their token claims it. Empty, it allows system labels only.
public struct LabelPolicy: Sendable, Equatable {
  /// Of entries in `allowedLabels`. Whoever reads a policy refuses a longer list, here and for the patterns.
  public static let maximumAllowedLabels = 200
  /// Of entries in `labelPatterns`.
  public static let maximumLabelPatterns = 200
  /// Of entries in `allowedRunnerGroups`.
  public static let maximumRunnerGroups = 200
  /// Of a description, in Unicode scalars.
  public static let maximumDescriptionLength = 1000

  /// Of a description, for people.
  public static let descriptionRule =
    "at most \(maximumDescriptionLength) characters, without control characters but newlines and tabs"

  /// Whether a text can be the description of a policy: it follows `descriptionRule`.
  public static func isDescription(_ text: String) -> Bool {
    text.unicodeScalars.count <= maximumDescriptionLength
      && text.unicodeScalars.allSatisfy {
        $0.properties.generalCategory != .control || $0 == "\n" || $0 == "\t"
      }
  }

  /// A label is allowed if an entry here or a pattern covers it.
  public var allowedLabels: [AllowedLabel]
  /// Each matches a whole label, without regard to case.
  public var labelPatterns: [LabelPattern]
  /// How many live runners the caller may have. nil for no limit; zero for none.
  public var maximumRunners: Int?
  /// Whether an admin approves each runner.
  public var requiresApproval: Bool
  /// nil for the default group only. The default group is not part of a set that does not name it.
  public var allowedRunnerGroups: Set<Int64>?
  /// Whether registration tokens are refused, which can be used with other labels.
  public var requiresJIT: Bool
  /// Whether runners that stay after a job are refused.
  public var requiresEphemeral: Bool
  /// For people.
  public var description: String?

  public init(
    allowedLabels: [AllowedLabel] = [], labelPatterns: [LabelPattern] = [],
    maximumRunners: Int? = nil, requiresApproval: Bool = false,
    allowedRunnerGroups: Set<Int64>? = nil, requiresJIT: Bool = false,
    requiresEphemeral: Bool = false, description: String? = nil
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
}

/// What a caller may have for whom there is neither a stored policy nor one in the token.
public enum DefaultLabelPolicy: String, Sendable, CaseIterable {
  /// Nothing.
  case deny
  /// Every label, those of GitHub's hosted runners among them, in the default runner group. For trying the service out.
  case allow
}

/// What applies to a caller.
public enum ApplicablePolicy: Sendable, Equatable {
  /// What an admin stored. A policy in the token narrows it and never widens it: both must allow.
  case stored(LabelPolicy, narrowedBy: LabelPolicy?)
  /// What the token claims, where nothing is stored. It cannot open any runner group but the default one.
  case claimed(LabelPolicy)
  /// `DefaultLabelPolicy.allow`, with a number of live runners at most; nil for no limit.
  case everything(maximumRunners: Int?)
  /// `DefaultLabelPolicy.deny`.
  case nothing

  /// `defaultMaximumRunners` limits callers to whom only the default applies, or a policy in their token that names no limit.
  public init(
    stored: LabelPolicy?, claimed: LabelPolicy?, default defaultPolicy: DefaultLabelPolicy,
    defaultMaximumRunners: Int?
  ) {
    if let stored {
      self = .stored(stored, narrowedBy: claimed)
    } else if var claimed {
      // What a token leaves open is not thereby without limit.
      claimed.maximumRunners = claimed.maximumRunners ?? defaultMaximumRunners
      self = .claimed(claimed)
    } else {
      switch defaultPolicy {
      case .allow: self = .everything(maximumRunners: defaultMaximumRunners)
      case .deny: self = .nothing
      }
    }
  }

  private var stored: LabelPolicy? {
    if case .stored(let policy, _) = self { policy } else { nil }
  }

  private var claimed: LabelPolicy? {
    switch self {
    case .stored(_, let policy): policy
    case .claimed(let policy): policy
    case .everything, .nothing: nil
    }
  }

  /// All of which must allow; none where the default decides.
  public var policies: [LabelPolicy] { [stored, claimed].compactMap(\.self) }
}

// MARK: - The decision

extension ApplicablePolicy {
  /// Decides on a request.
  ///
  /// `liveRunners` is how many the caller has, reservations included, without the one that is asked for.
  public func verdict(
    on request: ProvisionRequest, kind: Provisioning, liveRunners: Int,
    defaultRunnerGroupID: Int64
  ) -> PolicyVerdict {
    let labels = labelVerdicts(on: request.labels)
    let reasons = [
      self == .nothing ? .noPolicy : nil,
      Self.denial(of: labels),
      groupDenial(request.runnerGroupID ?? defaultRunnerGroupID, default: defaultRunnerGroupID),
      requiresJIT && kind != .jit ? .jitRequired : nil,
      // A JIT runner is ephemeral whatever was asked for.
      requiresEphemeral && kind != .jit && !request.ephemeral ? .ephemeralRequired : nil,
      quotaDenial(liveRunners: liveRunners),
      Self.patternLimit(in: labels),
    ]
    return PolicyVerdict(
      reasons: reasons.compactMap(\.self), labels: labels, requiresApproval: requiresApproval)
  }

  /// Whether any of the policies wants an admin to approve each runner. The default never does.
  public var requiresApproval: Bool { policies.contains(where: \.requiresApproval) }

  /// Whether any of the policies refuses registration tokens.
  public var requiresJIT: Bool { policies.contains(where: \.requiresJIT) }

  /// Whether any of the policies refuses runners that stay after a job.
  public var requiresEphemeral: Bool { policies.contains(where: \.requiresEphemeral) }

  /// The smallest limit; nil for none.
  public var maximumRunners: Int? {
    if case .everything(let maximum) = self { return maximum }
    return policies.compactMap(\.maximumRunners).min()
  }

  /// What speaks against one runner more. Apart from the rest of the verdict, because only the transaction that reserves
  /// the runner knows the number for certain.
  public func quotaDenial(liveRunners: Int) -> PolicyVerdict.Reason? {
    guard let limit = maximumRunners, liveRunners >= limit else { return nil }
    return .quotaExceeded(limit: limit, current: liveRunners)
  }

  private func groupDenial(_ id: Int64, default defaultID: Int64) -> PolicyVerdict.Reason? {
    let opened = stored?.allowedRunnerGroups ?? [defaultID]
    let isClosed = claimed?.allowedRunnerGroups?.contains(id) == false
    return opened.contains(id) && !isClosed ? nil : .runnerGroupNotAllowed(id)
  }
}

// MARK: - Labels

extension ApplicablePolicy {
  private func labelVerdicts(on labels: [Label]) -> [LabelVerdict] {
    let rules = policies.map(LabelRules.init)
    var budget = PatternBudget()
    return labels.map { LabelVerdict($0, outcome(for: $0, rules, &budget)) }
  }

  /// Of two policies the stored one speaks first: the token's is asked only for what it allows.
  private func outcome(
    for label: Label, _ rules: [LabelRules], _ budget: inout PatternBudget
  ) -> LabelVerdict.Outcome {
    if Label.system.contains(label) { return .allowed(by: .system) }
    if case .everything = self { return .allowed(by: .defaultPolicy) }
    var allowed: LabelVerdict.Outcome?
    for policy in rules {
      let outcome = policy.outcome(for: label, &budget)
      if case .denied = outcome { return outcome }
      allowed = allowed ?? outcome
    }
    return allowed ?? .denied(.notAllowed)
  }

  private static func denial(of labels: [LabelVerdict]) -> PolicyVerdict.Reason? {
    let denied = labels.filter { if case .denied = $0.outcome { true } else { false } }
    return denied.isEmpty ? nil : .labelsNotAllowed(denied.map(\.label))
  }

  private static func patternLimit(in labels: [LabelVerdict]) -> PolicyVerdict.Reason? {
    var sources: [String] = []
    for case .denied(.patternLimit(let undecided)) in labels.map(\.outcome) {
      for source in undecided where !sources.contains(source) { sources.append(source) }
    }
    return sources.isEmpty ? nil : .patternLimit(sources)
  }
}
