import FastCGI
import Runners
import Storage

extension Service {
  /// An admin has to look at the request first. Asks nobody's GitHub and takes no name.
  func askForApproval(
    _ wanted: ProvisionRequest, _ caller: Principal, _ decision: Decision,
    _ context: RequestContext
  ) throws -> Response {
    let outcome = try audited { transaction, record in
      let outcome = try approval(wanted, caller, decision, transaction, record, context)
      if case .failure(let refusal) = outcome {
        try self.record(refusal, of: wanted, context, transaction, record)
      }
      return outcome
    }
    switch outcome {
    case .success(let approval): return try answer(approval)
    case .failure(let refusal): throw refusal.error
    }
  }

  /// No admin is asked about what the policy does not allow anyway.
  private func approval(
    _ wanted: ProvisionRequest, _ caller: Principal, _ decision: Decision,
    _ transaction: Transaction, _ record: (AuditEvent) throws -> Void, _ context: RequestContext
  ) throws -> Result<Approval, Refusal> {
    if let refusal = try policyRefusal(of: caller, decision, transaction) {
      return .failure(refusal)
    }
    return try requestApproval(
      of: approvalRequest(wanted), policyRevision: decision.revision, by: caller, transaction,
      record, context
    ).mapError { Refusal(error: $0) }
  }

  /// Uses up the approval that the request names, if it names one; the last thing that can keep the runner from being
  /// reserved.
  func redeem(
    _ wanted: ProvisionRequest, for runner: Runner, _ caller: Principal,
    _ transaction: Transaction, _ context: RequestContext
  ) throws -> Refusal? {
    guard let id = wanted.approvalID else { return nil }
    let outcome = try redeemApproval(
      id, for: approvalRequest(wanted), runnerID: runner.id, by: caller, transaction, context)
    guard case .failure(let error) = outcome else { return nil }
    return Refusal(error: error)
  }

  private func approvalRequest(_ wanted: ProvisionRequest) -> ApprovalRequest {
    ApprovalRequest(
      wanted, kind: .registrationToken, defaultRunnerGroupID: settings.defaultRunnerGroupID)
  }
}
