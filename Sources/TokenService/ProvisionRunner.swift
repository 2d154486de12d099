import FastCGI
import Foundation
import GitHub
import JOSE
import OIDC
import Runners
import Storage

extension Service {
  /// POST /api/v1/runners/provision and /api/v1/runners/jit: what a machine needs to become one runner.
  ///
  /// First a reservation, then GitHub, then the record of what was issued, then the answer: whatever fails on the way,
  /// nothing leaves that was not stored and audited, no runner is left at GitHub, and no name or quota stays taken.
  func provisionRunner(
    _ request: Request, _ kind: Provisioning, _ caller: Principal, _ context: RequestContext
  ) throws -> Response {
    let wanted = try ProvisionRequest(parsing: try JSONBody.object(of: request), for: kind)
    let (decision, installation) = try authorize(wanted, kind, caller, context)
    try refuseUsedToken(wanted, context)
    if decision.verdict.requiresApproval, wanted.approvalID == nil {
      try recordingFailure(of: wanted, context) { try makeRoom(for: caller, decision, context) }
      return try askForApproval(wanted, kind, caller, decision, request, context)
    }
    try refuseBadApproval(wanted, kind, caller, context)
    return try holdingPlaceAtGitHub(for: wanted, context) { service in
      let group = try service.recordingFailure(of: wanted, context) {
        try service.requireInstallation(installation, context)
        let group = try service.runnerGroupName(for: wanted, kind, context)
        try service.lookAtHolder(of: wanted.name, caller, context)
        try service.makeRoom(for: caller, decision, context)
        return group
      }
      let runner = try service.reserve(wanted, kind, caller, decision, context)
      return try service.provision(runner, wanted, group: group, request, context)
    }
  }

  /// What follows a reservation.
  private func provision(
    _ runner: Runner, _ wanted: ProvisionRequest, group: String?, _ request: Request,
    _ context: RequestContext
  ) throws -> Response {
    var minted: Credential?
    do {
      let credential = try mintPastLeftover(for: runner, wanted, context)
      minted = credential
      try issue(runner, credential, context)
      return try answer(runner, credential, group: group, to: request)
    } catch {
      let remains = clear(runner, minted, after: error, context)
      release(runner, because: error, remains, context)
      throw error
    }
  }

  // MARK: - A place at GitHub

  /// Runs what asks GitHub, with a place among those who wait for it from before the reservation: whoever has no place has
  /// not written anything. While there is none the request waits for its turn; if that takes too long it is refused.
  private func holdingPlaceAtGitHub(
    for wanted: ProvisionRequest, _ context: RequestContext, _ work: (Service) throws -> Response
  ) throws -> Response {
    if context.turn.comesNext,
      let response = try github.holdingPlace({ github in
        var service = self
        service.github = github
        return try work(service)
      })
    {
      return response
    }
    guard !context.turn.mayWait else { throw AwaitsTurn() }
    return try recordingFailure(of: wanted, context) { throw GitHubError.tooManyWaiting }
  }

  // MARK: - Authorize

  /// Everything but the quota, which a look at GitHub may still change.
  private func authorize(
    _ wanted: ProvisionRequest, _ kind: Provisioning, _ caller: Principal,
    _ context: RequestContext
  ) throws -> (Decision, Installation) {
    let (stored, installation) = try database.read { transaction in
      (
        try transaction.labelPolicies.policy(of: caller.identity),
        try transaction.installations.installation(id: installationID)
      )
    }
    let decision = try decide(
      wanted, kind, stored: stored, claimed: context.claimedPolicy, liveRunners: 0)
    let reasons = decision.verdict.reasons.filter { !$0.isQuota }
    guard !reasons.isEmpty else { return (decision, installation) }
    throw try refused(Refusal(reasons, labels: wanted.labels), wanted, context)
  }

  /// Records a refusal by itself and returns what to throw.
  func refused(
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

  /// Runs what comes before the reservation, and records where it fails.
  private func recordingFailure<Result>(
    of wanted: ProvisionRequest, _ context: RequestContext, _ body: () throws -> Result
  ) throws -> Result {
    do { return try body() } catch {
      try audited { transaction, record in
        try noteGitHub(after: error, transaction, record, context)
        try record(
          .provisionFailed(
            ServiceError(error), name: wanted.name.text, labels: wanted.labels, context))
      }
      throw error
    }
  }

  // MARK: - Look at GitHub

  /// The name may be held by a runner that has run its job and gone, whose token expired unused, or whose provisioning came
  /// to nothing: GitHub knows, and once we do too the name is free.
  private func lookAtHolder(
    of name: ProvisionRequest.Name, _ caller: Principal, _ context: RequestContext
  ) throws {
    guard case .exactly(let name) = name,
      let holder = try database.read({
        try $0.runners.live(named: name, organization: settings.organization)
      })
    else { return }
    let hasRun = holder.owner == caller && holder.githubRunnerID != nil
    let isUnseen = holder.status == .pending || holder.githubRunnerID == nil
    let hasExpired = isUnseen && holder.usableUntil < Timestamp(now())
    let isAtGitHub = holder.isIssued || holder.provisioning.createsRunner
    if hasRun || hasExpired && isAtGitHub || holder.isUnusable { try refresh(holder, context) }
  }

  /// Of a caller's runners that count, some may have expired unused. GitHub is asked about a few of them before the caller
  /// is refused one more, so that nobody depends on a process that looks after them.
  private func makeRoom(
    for caller: Principal, _ decision: Decision, _ context: RequestContext
  ) throws {
    guard let limit = decision.policy.maximumRunners, limit > 0 else { return }
    let (current, unseen) = try database.read { transaction in
      let current = try transaction.runners.countLive(
        of: caller, organization: settings.organization, now: transaction.now)
      guard current >= limit else { return (current, [Runner]()) }
      return (
        current,
        try transaction.runners.unseen(
          of: caller, organization: settings.organization,
          now: transaction.now.adding(seconds: -Runner.grace), limit: 5)
      )
    }
    var left = current
    for runner in unseen where left >= limit {
      if try refresh(runner, context).status == .deleted { left -= 1 }
    }
  }

  // MARK: - Issue

  private func issue(
    _ runner: Runner, _ credential: Credential, _ context: RequestContext
  ) throws {
    let fingerprint = try Digest.sha256Hex(Array(credential.secret.utf8))
    try audited { transaction, record in
      let isIssued = try transaction.runners.issue(
        id: runner.id, credentialSHA256: fingerprint, expiresAt: credential.expiresAt,
        githubRunnerID: credential.githubRunnerID, now: transaction.now)
      // The reservation ran out while GitHub, or the way to the database, took its time.
      guard isIssued else { throw ServiceError.githubUnavailable(retryAfter: 1) }
      try noteGitHub(after: nil, transaction, record, context)
      var data = runner.auditData(context)
      data["credential_sha256"] = .text(fingerprint)
      data["expires_at"] = .text(credential.expiresAt.description)
      data["github_runner_id"] = credential.githubRunnerID.map { .number($0) }
      try record(
        AuditEvent(
          .provision, actor: context.actor, runnerID: runner.id,
          runnerName: runner.name.description, data: data))
    }
  }
}

/// Thrown where a request has to wait for its turn, before it has changed anything.
struct AwaitsTurn: Error {}

extension Refusal {
  static let usedToken = Refusal(
    error: TokenRefusal.invalid(.alreadyUsed), events: [.tokenReplay])
}

extension PolicyVerdict.Reason {
  fileprivate var isQuota: Bool {
    if case .quotaExceeded = self { true } else { false }
  }
}
