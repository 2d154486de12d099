import FastCGI
import Runners
import Storage

extension Service {
  /// An admin has to look at the request first. Asks nobody's GitHub and takes no name.
  func askForApproval(
    _ wanted: ProvisionRequest, _ kind: Provisioning, _ caller: Principal, _ decision: Decision,
    _ request: Request, _ context: RequestContext
  ) throws -> Response {
    let outcome = try audited { transaction, record in
      let outcome = try approval(wanted, kind, caller, decision, transaction, record, context)
      if case .failure(let refusal) = outcome {
        try self.record(refusal, of: wanted, context, transaction, record)
      }
      return outcome
    }
    switch outcome {
    case .success(let approval): return try answer(approval, to: request)
    case .failure(let refusal): throw refusal.error
    }
  }

  /// No admin is asked about what the policy does not allow anyway.
  private func approval(
    _ wanted: ProvisionRequest, _ kind: Provisioning, _ caller: Principal, _ decision: Decision,
    _ transaction: Transaction, _ record: (AuditEvent) throws -> Void, _ context: RequestContext
  ) throws -> Result<Approval, Refusal> {
    if let refusal = try policyRefusal(of: caller, decision, transaction) {
      return .failure(refusal)
    }
    return try requestApproval(
      of: approvalRequest(wanted, kind), policyRevision: decision.revision, by: caller, transaction,
      record, context
    ).mapError { Refusal(error: $0) }
  }

  /// Before GitHub is asked on the strength of an approval that is none. `redeem` asks again.
  func refuseBadApproval(
    _ wanted: ProvisionRequest, _ kind: Provisioning, _ caller: Principal,
    _ context: RequestContext
  ) throws {
    guard let id = wanted.approvalID else { return }
    let request = approvalRequest(wanted, kind)
    let isGood = try database.read { transaction in
      try objection(to: id, for: request, by: caller, transaction) == nil
    }
    guard !isGood else { return }
    let refusal = try audited { transaction, record -> Refusal? in
      guard let objection = try objection(to: id, for: request, by: caller, transaction) else {
        return nil
      }
      try recordMisuse(of: id, objection, request, transaction, context)
      let refusal = Refusal(error: objection.error)
      try self.record(refusal, of: wanted, context, transaction, record)
      return refusal
    }
    if let refusal { throw refusal.error }
  }

  /// Uses up the approval that the request names, if it names one; the last thing that can keep the runner from being
  /// reserved.
  func redeem(
    _ wanted: ProvisionRequest, for runner: Runner, _ caller: Principal,
    _ transaction: Transaction, _ context: RequestContext
  ) throws -> Refusal? {
    guard let id = wanted.approvalID else { return nil }
    let outcome = try redeemApproval(
      id, for: approvalRequest(wanted, runner.provisioning), runnerID: runner.id, by: caller,
      transaction, context)
    guard case .failure(let error) = outcome else { return nil }
    return Refusal(error: error)
  }

  private func approvalRequest(
    _ wanted: ProvisionRequest, _ kind: Provisioning
  ) -> ApprovalRequest {
    ApprovalRequest(wanted, kind: kind, defaultRunnerGroupID: settings.defaultRunnerGroupID)
  }
}
