import FastCGI
import Foundation
import GitHub
import JOSE
import Logging
import OIDC
import Runners
import Storage

/// How long a reservation may go unanswered before it no longer counts, in seconds: longer than GitHub and the locks can
/// take together.
private let reservationSeconds = 60

extension Service {
  /// POST /api/v1/runners/provision: a registration token for one runner.
  ///
  /// First a reservation, then GitHub, then the record of what was issued, then the answer: whatever fails on the way, no
  /// token leaves that was not stored and audited, and no name or quota stays taken.
  func provisionRunner(
    _ request: Request, _ caller: Principal, _ context: RequestContext
  ) throws -> Response {
    let wanted = try ProvisionRequest(parsing: try JSONBody.object(of: request))
    let decision = try authorize(wanted, caller, context)
    try refuseUsedToken(wanted, context)
    if decision.verdict.requiresApproval, wanted.approvalID == nil {
      return try askForApproval(wanted, caller, decision, context)
    }
    do { try lookAtHolder(of: wanted.name, caller, context) } catch {
      try audited { _, record in
        try record(
          .provisionFailed(
            ServiceError(error), name: wanted.name.text, labels: wanted.labels, context))
      }
      throw error
    }
    let runner = try reserve(wanted, caller, decision, context)
    do {
      let token = try makeRegistrationToken(for: runner, context)
      let expiresAt = Timestamp(token.expiresAt)
      try issue(runner, credential: token.token, expiresAt: expiresAt, context)
      return try answer(runner, token: token.token, expiresAt: expiresAt, to: request)
    } catch {
      release(runner, because: error, context)
      throw error
    }
  }

  // MARK: - Authorize

  /// Everything but the quota, which a look at the name's holder may still change.
  private func authorize(
    _ wanted: ProvisionRequest, _ caller: Principal, _ context: RequestContext
  ) throws -> Decision {
    let stored = try database.read { try $0.labelPolicies.policy(of: caller.identity) }
    let decision = try decide(
      wanted, .registrationToken, stored: stored, claimed: context.claimedPolicy, liveRunners: 0)
    let reasons = decision.verdict.reasons.filter { !$0.isQuota }
    guard !reasons.isEmpty else { return decision }
    throw try refused(Refusal(reasons, labels: wanted.labels), wanted, context)
  }

  /// Records a refusal by itself and returns what to throw.
  private func refused(
    _ refusal: Refusal, _ wanted: ProvisionRequest, _ context: RequestContext
  ) throws -> any Error {
    try audited { transaction, record in
      try self.record(refusal, of: wanted, context, transaction, record)
    }
    return refusal.error
  }

  /// Before anybody else is asked on the strength of a token that has had its runner. `reserve` asks again.
  private func refuseUsedToken(_ wanted: ProvisionRequest, _ context: RequestContext) throws {
    guard let token = context.singleUseToken,
      try database.read({ try $0.usedTokens.contains(token) })
    else { return }
    throw try refused(.usedToken, wanted, context)
  }

  // MARK: - Reserve

  /// The name may be held by a runner that has run its job and gone, or whose token expired unused: GitHub knows, and once
  /// we do too the name is free.
  private func lookAtHolder(
    of name: ProvisionRequest.Name, _ caller: Principal, _ context: RequestContext
  ) throws {
    guard case .exactly(let name) = name,
      let holder = try database.read({
        try $0.runners.live(named: name, organization: settings.organization)
      })
    else { return }
    let hasRun = holder.owner == caller && holder.githubRunnerID != nil
    let hasExpired = holder.status == .pending && holder.pendingUntil < Timestamp(now())
    if hasRun || hasExpired && holder.isIssued { try refresh(holder, context) }
  }

  /// Takes the name, and the token where it is good for one runner only, and records the intent in one transaction, before
  /// GitHub is asked.
  private func reserve(
    _ wanted: ProvisionRequest, _ caller: Principal, _ decision: Decision,
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
          let runner = reservation(of: name, wanted, caller, decision, at: transaction.now)
          if let refusal = try redeem(wanted, for: runner, caller, transaction, context) {
            outcome = .failure(refusal.error)
            return try self.record(refusal, of: wanted, context, transaction, record)
          }
          if let token = context.singleUseToken { try transaction.usedTokens.insert(token) }
          try transaction.runners.insert(runner)
          try record(
            AuditEvent(
              .provisionRequested, actor: context.actor, runnerID: runner.id,
              runnerName: runner.name.description,
              data: runner.auditData(context, approvalID: wanted.approvalID)))
          outcome = .success(runner)
        }
      }
    } catch {
      // The row may be there, and only the audit log's file be missing its line.
      if case .success(let runner) = outcome { release(runner, because: error, context) }
      throw error
    }
    guard let outcome else { throw ServiceError.internalError }
    return try outcome.get()
  }

  private func reservation(
    of name: RunnerName, _ wanted: ProvisionRequest, _ caller: Principal, _ decision: Decision,
    at now: Timestamp
  ) -> Runner {
    Runner(
      id: UUID().uuidString.lowercased(), name: name, organization: settings.organization,
      status: .pending, busy: false, githubRunnerID: nil,
      runnerGroupID: wanted.runnerGroupID ?? settings.defaultRunnerGroupID,
      labels: wanted.labels, ephemeral: wanted.ephemeral, disableUpdate: wanted.disableUpdate,
      provisioning: .registrationToken, owner: caller, policyRevision: decision.revision,
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
      return .failure(Refusal(error: ServiceError.runnerNameConflict))
    }
    if let refusal = try policyRefusal(of: caller, decision, transaction) {
      return .failure(refusal)
    }
    return .success(name)
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

  /// A reservation whose worker ended before it issued anything does not stand in the way for longer than its deadline.
  private func isFree(
    _ name: RunnerName, _ transaction: Transaction, _ record: (AuditEvent) throws -> Void,
    _ context: RequestContext
  ) throws -> Bool {
    let holder = try transaction.runners.live(named: name, organization: settings.organization)
    guard var holder else { return true }
    guard holder.status == .pending, !holder.isIssued, holder.pendingUntil < transaction.now else {
      return false
    }
    holder.delete(for: .reservationExpired, at: transaction.now)
    try transaction.runners.update(holder)
    try transaction.approvals.release(runnerID: holder.id)
    try record(.statusChange(of: holder, from: .pending, context.actor))
    return true
  }

  // MARK: - GitHub

  /// A runner that GitHub already has under this name is somebody else's: had we issued a token for the name, we would
  /// take that runner for the caller's.
  private func makeRegistrationToken(
    for runner: Runner, _ context: RequestContext
  ) throws -> RegistrationToken {
    let github = github.limited(until: context.deadline)
    guard try github.runner(name: runner.name.description) == nil else {
      throw GitHubError.nameTaken
    }
    return try github.makeRegistrationToken()
  }

  // MARK: - Issue

  private func issue(
    _ runner: Runner, credential: String, expiresAt: Timestamp, _ context: RequestContext
  ) throws {
    let fingerprint = try Digest.sha256Hex(Array(credential.utf8))
    try audited { transaction, record in
      let isIssued = try transaction.runners.issue(
        id: runner.id, credentialSHA256: fingerprint, expiresAt: expiresAt, now: transaction.now)
      // The reservation ran out while GitHub, or the way to the database, took its time.
      guard isIssued else { throw ServiceError.githubUnavailable(retryAfter: 1) }
      var data = runner.auditData(context)
      data["credential_sha256"] = .text(fingerprint)
      data["expires_at"] = .text(expiresAt.description)
      try record(
        AuditEvent(
          .provision, actor: context.actor, runnerID: runner.id,
          runnerName: runner.name.description, data: data))
    }
  }

  /// Gives the name back at once, and the token, since nothing came of it. If even this fails, the reservation's deadline
  /// gives back the name, and the caller needs a new token.
  private func release(_ runner: Runner, because error: any Error, _ context: RequestContext) {
    do {
      try audited { transaction, record in
        guard var current = try transaction.runners.runner(id: runner.id),
          current.status == .pending
        else { return }
        current.delete(for: .provisioningFailed, at: transaction.now)
        try transaction.runners.update(current)
        if let token = context.singleUseToken { try transaction.usedTokens.remove(token) }
        try transaction.approvals.release(runnerID: runner.id)
        try record(
          .provisionFailed(
            ServiceError(error), name: runner.name.description, labels: runner.labels, context,
            runnerID: runner.id))
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

  // MARK: - Answer

  private func answer(
    _ runner: Runner, token: String, expiresAt: Timestamp, to request: Request
  ) throws(ServiceError) -> Response {
    if request.parameters.accept.prefersPlainText {
      return Response(
        status: 201, headers: [.init("Content-Type", "text/plain; charset=utf-8")],
        body: Array("\(token)\n".utf8))
    }
    return try JSONBody.response(
      status: 201,
      ProvisionedRunner(
        runner: runner, token: token, expiresAt: expiresAt, githubURL: settings.githubURL))
  }
}

extension Refusal {
  fileprivate static let usedToken = Refusal(
    error: TokenRefusal.invalid(.alreadyUsed), events: [.tokenReplay])
}

extension PolicyVerdict.Reason {
  fileprivate var isQuota: Bool {
    if case .quotaExceeded = self { true } else { false }
  }
}
