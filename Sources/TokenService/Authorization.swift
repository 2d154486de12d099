import Runners
import Storage

/// What was decided on a request, and by which policy.
struct Decision {
  let policy: ApplicablePolicy
  /// Of the stored policy; nil where there is none.
  let revision: Int64?
  let verdict: PolicyVerdict
}

/// Why a request is refused, with what an admin should be told beside.
struct Refusal: Error {
  /// What the caller is told.
  let error: any Error
  var events: [SecurityEvent.Kind] = []
}

extension Service {
  /// Decides on a request. `liveRunners`: how many count towards the caller's quota. Not to be called in a transaction:
  /// patterns take their time.
  func decide(
    _ wanted: ProvisionRequest, _ kind: Provisioning, stored: StoredLabelPolicy?,
    claimed: LabelPolicy?, liveRunners: Int
  ) throws(UnusableLabelPolicy) -> Decision {
    let policy = applicablePolicy(stored: try stored?.policy(), claimed: claimed)
    let verdict = policy.verdict(
      on: wanted, kind: kind, liveRunners: liveRunners,
      defaultRunnerGroupID: settings.defaultRunnerGroupID)
    return Decision(policy: policy, revision: stored?.revision, verdict: verdict)
  }

  func applicablePolicy(stored: LabelPolicy?, claimed: LabelPolicy?) -> ApplicablePolicy {
    ApplicablePolicy(
      stored: stored, claimed: claimed, default: settings.defaultLabelPolicy,
      defaultMaximumRunners: settings.defaultMaximumRunners)
  }

  /// What only a transaction knows for certain: whether the decision still stands, and whether there is room for one runner
  /// more.
  func policyRefusal(
    of caller: Principal, _ decision: Decision, _ transaction: Transaction
  ) throws -> Refusal? {
    guard try transaction.labelPolicies.revision(of: caller.identity) == decision.revision else {
      return Refusal(error: ServiceError.policyChanged)
    }
    // Who has no quota is not counted.
    guard decision.policy.maximumRunners != nil else { return nil }
    let current = try transaction.runners.countLive(
      of: caller, organization: settings.organization, now: transaction.now)
    return decision.policy.quotaDenial(liveRunners: current).map { Refusal([$0], labels: []) }
  }

  /// Records a refusal with what an admin should look at, in the transaction that it belongs to.
  func record(
    _ refusal: Refusal, of wanted: ProvisionRequest, _ context: RequestContext,
    _ transaction: Transaction, _ record: (AuditEvent) throws -> Void
  ) throws {
    try record(
      .provisionFailed(
        ServiceError(refusal.error), name: wanted.name.text, labels: wanted.labels, context))
    for kind in refusal.events {
      try transaction.securityEvents.record(
        SecurityEvent(
          kind, actor: context.actor, runnerName: wanted.name.text,
          data: ["labels": .texts(wanted.labels.prefix(20).map(\.description))]))
    }
  }
}

extension Refusal {
  /// What the caller must see to first, and what an admin should see at all. `reasons` are not empty; `labels` are all that
  /// were asked for.
  init(_ reasons: [PolicyVerdict.Reason], labels: [Label]) {
    error = reasons.first.map { ServiceError($0, labels: labels) } ?? .internalError
    for kind in reasons.compactMap(SecurityEvent.Kind.init) where !events.contains(kind) {
      events.append(kind)
    }
  }
}

extension SecurityEvent.Kind {
  fileprivate init?(_ reason: PolicyVerdict.Reason) {
    switch reason {
    case .noPolicy, .labelsNotAllowed: self = .labelPolicyViolation
    case .runnerGroupNotAllowed: self = .runnerGroupDenied
    case .quotaExceeded: self = .quotaExceeded
    case .patternLimit: self = .patternLimit
    case .jitRequired, .ephemeralRequired: return nil
    }
  }
}

extension ServiceError {
  /// What a caller is told of one reason. `labels` are all that were asked for.
  init(_ reason: PolicyVerdict.Reason, labels: [Label]) {
    self =
      switch reason {
      case .noPolicy, .patternLimit: .labelPolicyViolation(labels: labels.map(\.description))
      case .labelsNotAllowed(let denied): .labelPolicyViolation(labels: denied.map(\.description))
      case .runnerGroupNotAllowed(let id): .runnerGroupNotAllowed(id)
      case .jitRequired: .runnerKindNotAllowed(instead: "POST /api/v1/runners/jit")
      case .ephemeralRequired:
        .runnerKindNotAllowed(instead: "leave ephemeral out, or set it to true")
      case .quotaExceeded(let limit, let current): .quotaExceeded(limit: limit, current: current)
      }
  }
}
