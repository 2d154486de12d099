import Foundation
import Logging
import Runners
import Storage

/// How long a reservation may go unanswered before it no longer counts, in seconds: longer than GitHub and the locks can
/// take together.
private let reservationSeconds = 60

/// How long GitHub may still carry out a request whose answer was lost, in seconds: it ends each request after ten.
private let settlingSeconds = 10

extension Service {
  /// Takes the name, and the token where it is good for one runner only, and records the intent in one transaction, before
  /// GitHub is asked.
  func reserve(
    _ wanted: ProvisionRequest, _ kind: Provisioning, _ caller: Principal, _ decision: Decision,
    _ context: RequestContext
  ) throws -> Runner {
    var outcome: Result<Runner, any Error>?
    do {
      try audited { transaction, record in
        switch try admit(wanted, caller, decision, transaction, record, context) {
        case .failure(let refusal):
          outcome = .failure(refusal.error)
          try self.record(refusal, of: wanted, context, transaction, record)
        case .success(let name):
          let runner = reservation(of: name, wanted, kind, caller, decision, at: transaction.now)
          if let refusal = try redeem(wanted, for: runner, caller, transaction, context) {
            outcome = .failure(refusal.error)
            return try self.record(refusal, of: wanted, context, transaction, record)
          }
          if let token = context.singleUseToken { try transaction.usedTokens.insert(token) }
          try transaction.runners.insert(runner)
          var data = runner.auditData(context, approvalID: wanted.approvalID)
          data["work_folder"] = wanted.workFolder.map { .text($0.description) }
          try record(
            AuditEvent(
              .provisionRequested, actor: context.actor, runnerID: runner.id,
              runnerName: runner.name.description, data: data))
          outcome = .success(runner)
        }
      }
    } catch {
      // The row may be there, and only the audit log's file be missing its line.
      if case .success(let runner) = outcome { release(runner, because: error, .nothing, context) }
      throw error
    }
    guard let outcome else { throw ServiceError.internalError }
    return try outcome.get()
  }

  private func reservation(
    of name: RunnerName, _ wanted: ProvisionRequest, _ kind: Provisioning, _ caller: Principal,
    _ decision: Decision, at now: Timestamp
  ) -> Runner {
    Runner(
      id: UUID().uuidString.lowercased(), name: name, organization: settings.organization,
      status: .pending, busy: false, githubRunnerID: nil,
      runnerGroupID: wanted.runnerGroupID ?? settings.defaultRunnerGroupID,
      labels: wanted.labels, ephemeral: wanted.ephemeral, disableUpdate: wanted.disableUpdate,
      provisioning: kind, owner: caller, policyRevision: decision.revision,
      isIssued: false,
      pendingUntil: now.adding(seconds: reservationSeconds), createdAt: now, updatedAt: now,
      registeredAt: nil, deletedAt: nil, deletionReason: nil)
  }

  /// The runner's name, if the caller may have it now.
  private func admit(
    _ wanted: ProvisionRequest, _ caller: Principal, _ decision: Decision,
    _ transaction: Transaction, _ record: (AuditEvent) throws -> Void, _ context: RequestContext
  ) throws -> Result<RunnerName, Refusal> {
    if let token = context.singleUseToken, try transaction.usedTokens.contains(token) {
      return .failure(.usedToken)
    }
    guard let name = try freeName(wanted.name, transaction, record, context) else {
      return .failure(Refusal(error: try nameConflict(wanted.name, caller, transaction)))
    }
    if let refusal = try policyRefusal(of: caller, decision, transaction) {
      return .failure(refusal)
    }
    return .success(name)
  }

  /// Says whose the name is to its owner only.
  private func nameConflict(
    _ name: ProvisionRequest.Name, _ caller: Principal, _ transaction: Transaction
  ) throws -> ServiceError {
    guard case .exactly(let name) = name,
      let holder = try transaction.runners.live(named: name, organization: settings.organization),
      holder.owner == caller
    else { return .runnerNameConflict }
    guard holder.status == .pending, !holder.isIssued else {
      return .runnerNameOwn(retryAfter: nil)
    }
    return .runnerNameOwn(retryAfter: holder.pendingUntil.wait(from: transaction.now))
  }

  /// The name asked for, or one made up, if no live runner has it.
  private func freeName(
    _ name: ProvisionRequest.Name, _ transaction: Transaction,
    _ record: (AuditEvent) throws -> Void, _ context: RequestContext
  ) throws -> RunnerName? {
    let candidates: [RunnerName]
    switch name {
    case .exactly(let name): candidates = [name]
    case .generated(let prefix):
      var generator = SystemRandomNumberGenerator()
      candidates = (0..<8).compactMap { _ in prefix.makeName(using: &generator) }
    }
    return try candidates.first { try isFree($0, transaction, record, context) }
  }

  /// A reservation whose worker ended before it issued anything does not stand in the way for longer than its deadline. But
  /// GitHub may have made a JIT runner for it: that one `lookAtHolder` ends, with a look.
  private func isFree(
    _ name: RunnerName, _ transaction: Transaction, _ record: (AuditEvent) throws -> Void,
    _ context: RequestContext
  ) throws -> Bool {
    let holder = try transaction.runners.live(named: name, organization: settings.organization)
    guard var holder else { return true }
    guard holder.status == .pending, !holder.isIssued, !holder.provisioning.createsRunner,
      holder.pendingUntil < transaction.now
    else { return false }
    holder.delete(for: .reservationExpired, at: transaction.now)
    try transaction.runners.update(holder)
    try transaction.approvals.release(runnerID: holder.id)
    try record(.statusChange(of: holder, from: .pending, context.actor))
    return true
  }

  /// Gives the name back at once, and the token, since nothing came of it. If even this fails, the reservation's deadline
  /// gives back the name, and the caller needs a new token.
  ///
  /// Where GitHub may have a runner for it, the row stays and with it the name: until somebody has looked after GitHub cannot
  /// make one any more, or, where one is known to be there, until it is removed.
  func release(
    _ runner: Runner, because error: any Error, _ remains: Remains, _ context: RequestContext
  ) {
    do {
      try audited { transaction, record in
        guard var current = try transaction.runners.runner(id: runner.id),
          current.status == .pending
        else { return }
        if remains != .unknown {
          current.delete(for: .provisioningFailed, at: transaction.now)
          try transaction.runners.update(current)
        } else if current.isIssued {
          current.removal = Removal(reason: .provisioningFailed, requestedAt: transaction.now)
          try transaction.runners.update(current)
        } else {
          try transaction.runners.abandon(
            id: current.id, until: transaction.now.adding(seconds: settlingSeconds))
        }
        if let token = context.singleUseToken { try transaction.usedTokens.remove(token) }
        try transaction.approvals.release(runnerID: runner.id)
        try noteGitHub(after: error, transaction, record, context)
        var event = AuditEvent.provisionFailed(
          ServiceError(error), name: runner.name.description, labels: runner.labels, context,
          runnerID: runner.id)
        if runner.provisioning.createsRunner {
          event.data["left_at_github"] = .text(remains.rawValue)
        }
        try record(event)
      }
    } catch let releaseError {
      logger.error(
        "the release of a reservation could not be stored and recorded; at the latest its deadline ends it",
        metadata: [
          "request_id": "\(context.requestID)", "runner_id": "\(runner.id)",
          "cause": "\(releaseError)",
        ])
    }
  }
}
