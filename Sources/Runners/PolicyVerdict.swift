/// The decision on a request, with everything that speaks against it and what became of each label.
public struct PolicyVerdict: Sendable, Equatable {
  /// Everything that speaks against the request, in the order of the cases of `Reason`, each case at most once. The first
  /// is what the caller has to see to first.
  public let reasons: [Reason]
  /// Each label of the request, in its order.
  public let labels: [LabelVerdict]
  /// Whether an admin has to approve before the request is carried out. No reason against it.
  public let requiresApproval: Bool

  /// Whether nothing speaks against the request. It may have to be approved all the same.
  public var isAllowed: Bool { reasons.isEmpty }

  /// Why a request is not allowed.
  public enum Reason: Sendable, Equatable {
    /// The caller may have no runner at all.
    case noPolicy
    /// Labels that are denied, those that could not be decided among them. At least one.
    case labelsNotAllowed([Label])
    /// The group that was asked for, or the default one.
    case runnerGroupNotAllowed(Int64)
    /// Only JIT runners are allowed.
    case jitRequired
    /// Only ephemeral runners are allowed.
    case ephemeralRequired
    /// The caller has as many runners as are allowed, or more.
    case quotaExceeded(limit: Int, current: Int)
    /// Sources of patterns that left a label undecided, which therefore is denied: something for an admin to mend, and
    /// worth a security event. Each once; at least one.
    case patternLimit([String])
  }
}

/// What became of one label.
public struct LabelVerdict: Sendable, Equatable {
  /// One of the request's, in its spelling.
  public let label: Label
  /// Whether it is allowed, and by which rule or why not.
  public let outcome: Outcome

  /// The outcome for this label.
  public init(_ label: Label, _ outcome: Outcome) {
    self.label = label
    self.outcome = outcome
  }

  /// Whether the label is allowed, and what says so.
  public enum Outcome: Sendable, Equatable {
    /// By this rule; where two policies apply, by the stored one's.
    case allowed(by: Rule)
    /// For this reason. One such label is enough for the request to be refused.
    case denied(Denial)
  }

  /// What allows a label.
  public enum Rule: Sendable, Equatable {
    /// A system label, which needs no rule.
    case system
    /// An entry that is this label.
    case exact
    /// The entry `*`.
    case any
    /// The first pattern of the policy that matches, by its source.
    case pattern(String)
    /// No policy, but the default that allows everything.
    case defaultPolicy
  }

  /// Why a label is not allowed.
  public enum Denial: Sendable, Equatable {
    /// No rule covers it.
    case notAllowed
    /// `*` or a pattern covers it, but a label of GitHub's hosted runners needs an entry of its own.
    case hostedRunnerLabel
    /// No rule covers it so far as could be decided: these patterns, by their sources, hit a limit. At least one.
    case patternLimit([String])
  }
}
