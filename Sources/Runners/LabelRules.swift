import Patterns

/// The rules of one policy for labels, for one decision.
struct LabelRules {
  private let entries: Set<AllowedLabel>
  private let patterns: [LabelPattern]

  init(_ policy: LabelPolicy) {
    entries = Set(policy.allowedLabels)
    patterns = policy.labelPatterns
  }

  func outcome(for label: Label) -> LabelVerdict.Outcome {
    if entries.contains(.exactly(label)) { return .allowed(by: .exact) }
    let outcome = entries.contains(.any) ? .allowed(by: .any) : outcomeOfPatterns(for: label)
    if case .allowed = outcome, label.isOfHostedRunners { return .denied(.hostedRunnerLabel) }
    return outcome
  }

  /// One match is enough. A pattern that hits a limit does not undo another's match, and is none itself.
  private func outcomeOfPatterns(for label: Label) -> LabelVerdict.Outcome {
    var undecided: [String] = []
    for pattern in patterns {
      switch pattern.match(label) {
      case .matches: return .allowed(by: .pattern(pattern.source))
      case .limitExceeded: undecided.append(pattern.source)
      case .differs: break
      }
    }
    return .denied(undecided.isEmpty ? .notAllowed : .patternLimit(undecided))
  }
}
