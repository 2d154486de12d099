import Runners

extension ProvisionRequest.Name {
  /// For the audit log: the name, or what it is to begin with.
  var text: String {
    switch self {
    case .exactly(let name): name.description
    case .generated(let prefix): prefix.description + "-*"
    }
  }
}

extension Runner {
  /// What was granted, and on which token.
  func auditData(
    _ context: RequestContext, approvalID: String? = nil
  ) -> [String: AuditEvent.Value] {
    var data: [String: AuditEvent.Value] = [
      "labels": .texts(labels.map(\.description)),
      "runner_group_id": .number(runnerGroupID),
      "ephemeral": .flag(ephemeral),
      "provisioning": .text(provisioning.rawValue),
    ]
    data["jti"] = context.tokenID.map { .text($0) }
    data["policy_revision"] = policyRevision.map { .number($0) }
    data["approval_id"] = approvalID.map { .text($0) }
    return data
  }
}

extension AuditEvent {
  static func provisionFailed(
    _ error: ServiceError, name: String, labels: [Label], _ context: RequestContext,
    runnerID: String? = nil
  ) -> AuditEvent {
    let problem = Problem(error)
    var data: [String: Value] = ["labels": .texts(labels.prefix(20).map(\.description))]
    // Whoever is refused can be refused again and again.
    if labels.count > 20 { data["label_count"] = .number(Int64(labels.count)) }
    data["jti"] = context.tokenID.map { .text($0) }
    return AuditEvent(
      .provisionFailed, success: false, errorCode: problem.code, errorMessage: problem.detail,
      actor: context.actor, runnerID: runnerID, runnerName: name, data: data)
  }

  /// A runner that went from one state to another.
  static func statusChange(
    of runner: Runner, from old: RunnerStatus, _ actor: Actor
  ) -> AuditEvent {
    var data: [String: Value] = [
      "from": .text(old.rawValue), "to": .text(runner.status.rawValue),
    ]
    if let reason = runner.deletionReason { data["reason"] = .text(reason.rawValue) }
    return AuditEvent(
      .statusChange, actor: actor, runnerID: runner.id, runnerName: runner.name.description,
      data: data)
  }
}
