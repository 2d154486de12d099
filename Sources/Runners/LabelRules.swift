import Patterns

/// The rules of one policy for labels, for one decision.
struct LabelRules {
  private let entries: Set<AllowedLabel>
  private let patterns: [LabelPattern]

  init(_ policy: LabelPolicy) {
    entries = Set(policy.allowedLabels)
    patterns = policy.labelPatterns
  }

  func outcome(for label: Label, _ budget: inout PatternBudget) -> LabelVerdict.Outcome {
    if entries.contains(.exactly(label)) { return .allowed(by: .exact) }
    let outcome =
      entries.contains(.any) ? .allowed(by: .any) : outcomeOfPatterns(for: label, &budget)
    if case .allowed = outcome, label.isOfHostedRunners { return .denied(.hostedRunnerLabel) }
    return outcome
  }

  /// One match is enough. A pattern that hits a limit does not undo another's match, and is none itself.
  private func outcomeOfPatterns(
    for label: Label, _ budget: inout PatternBudget
  ) -> LabelVerdict.Outcome {
    var undecided: [String] = []
    for pattern in patterns {
      switch budget.match(pattern, label) {
      case .matches: return .allowed(by: .pattern(pattern.source))
      case .limitExceeded: undecided.append(pattern.source)
      case .differs: break
      }
    }
    return .denied(undecided.isEmpty ? .notAllowed : .patternLimit(undecided))
  }
}

/// How many matches of one decision may come to their limit: two hundred patterns that each take as long as they may, on a
/// hundred labels, would take a minute.
struct PatternBudget {
  static let undecidedMatches = 20

  private var remaining = Self.undecidedMatches

  /// Undecided without a look where the budget is used up, which denies.
  mutating func match(_ pattern: LabelPattern, _ label: Label) -> Match {
    guard remaining > 0 else { return .limitExceeded }
    let match = pattern.match(label)
    if match == .limitExceeded { remaining -= 1 }
    return match
  }
}
