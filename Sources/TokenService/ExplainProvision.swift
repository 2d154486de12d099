import FastCGI
import Runners
import Storage

extension Service {
  /// POST /api/v1/runners/provision?dry_run=true, and the same for `jit`: what would be decided, and why. Reserves nothing and
  /// asks nobody.
  func explainProvision(
    _ request: Request, _ kind: Provisioning, _ caller: Principal, _ context: RequestContext
  ) throws -> Response {
    let wanted = try ProvisionRequest(parsing: try JSONBody.object(of: request), for: kind)
    let (stored, current) = try database.read { transaction in
      let current = try transaction.runners.countLive(
        of: caller, organization: settings.organization, now: transaction.now)
      return (try transaction.labelPolicies.policy(of: caller.identity), current)
    }
    let decision = try decide(
      wanted, kind, stored: stored, claimed: context.claimedPolicy,
      liveRunners: current)
    return try JSONBody.response(Explanation(decision, identity: caller.identity, used: current))
  }

  /// The same for another, with `as` beside. A policy in that caller's token is not known then, and the runners of everybody
  /// who bears the identity are counted.
  func explainProvision(
    _ request: Request, _ kind: Provisioning, of identity: String, _: Administrator,
    _ context: RequestContext
  ) throws -> Response {
    let wanted = try ProvisionRequest(parsing: try JSONBody.object(of: request), for: kind)
    let (stored, current) = try database.read { transaction in
      let current = try transaction.runners.countLive(
        ofIdentity: identity, organization: settings.organization, now: transaction.now)
      return (try transaction.labelPolicies.policy(of: identity), current)
    }
    let decision = try decide(
      wanted, kind, stored: stored, claimed: nil, liveRunners: current)
    try audited { _, record in
      try record(
        AuditEvent(
          .policyExplained, actor: context.actor, runnerName: wanted.name.text,
          data: [
            "as": .text(identity), "provisioning": .text(kind.rawValue),
            "labels": .texts(wanted.labels.map(\.description)),
            "allowed": .flag(decision.verdict.isAllowed),
          ]))
    }
    return try JSONBody.response(Explanation(decision, identity: identity, used: current))
  }
}

/// A decision for people.
private struct Explanation: Encodable {
  struct ExplainedLabel: Encodable {
    let label: String
    let allowed: Bool
    /// `system`, `exact`, `any`, `pattern`, `default`; or why not: `not_allowed`, `hosted_runner_label`, `pattern_limit`.
    let rule: String
    /// The pattern that matched, or those that could not be decided.
    let patterns: [String]?
  }

  struct Reason: Encodable {
    let errorCode: String
    let detail: String

    enum CodingKeys: String, CodingKey {
      case detail
      case errorCode = "error_code"
    }
  }

  struct Quota: Encodable {
    let used: Int
    /// null: no limit.
    let limit: Int?
    let left: Int?

    enum CodingKeys: String, CodingKey {
      case used, limit, left
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(used, forKey: .used)
      try container.encode(limit, forKey: .limit)
      try container.encode(left, forKey: .left)
    }
  }

  let identity: String
  let allowed: Bool
  let requiresApproval: Bool
  let reasons: [Reason]
  let labels: [ExplainedLabel]
  let quota: Quota
  let policy: PolicyRepresentation

  enum CodingKeys: String, CodingKey {
    case identity, allowed, reasons, labels, quota
    case requiresApproval = "requires_approval"
    case policy = "label_policy"
  }

  init(_ decision: Decision, identity: String, used: Int) {
    self.identity = identity
    allowed = decision.verdict.isAllowed
    requiresApproval = decision.verdict.requiresApproval
    reasons = decision.verdict.reasons.map { reason in
      let problem = Problem(ServiceError(reason, labels: decision.verdict.labels.map(\.label)))
      return Reason(errorCode: problem.code, detail: problem.detail)
    }
    labels = decision.verdict.labels.map(ExplainedLabel.init)
    let limit = decision.policy.maximumRunners
    quota = Quota(used: used, limit: limit, left: limit.map { max(0, $0 - used) })
    policy = PolicyRepresentation(decision)
  }
}

extension Explanation.ExplainedLabel {
  fileprivate init(_ verdict: LabelVerdict) {
    label = verdict.label.description
    switch verdict.outcome {
    case .allowed(let by):
      allowed = true
      switch by {
      case .system: (rule, patterns) = ("system", nil)
      case .exact: (rule, patterns) = ("exact", nil)
      case .any: (rule, patterns) = ("any", nil)
      case .pattern(let source): (rule, patterns) = ("pattern", [source])
      case .defaultPolicy: (rule, patterns) = ("default", nil)
      }
    case .denied(let denial):
      allowed = false
      switch denial {
      case .notAllowed: (rule, patterns) = ("not_allowed", nil)
      case .hostedRunnerLabel: (rule, patterns) = ("hosted_runner_label", nil)
      case .patternLimit(let sources): (rule, patterns) = ("pattern_limit", sources)
      }
    }
  }
}
