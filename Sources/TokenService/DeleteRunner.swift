import FastCGI
import GitHub
import Runners
import Storage

extension Service {
  /// DELETE /api/v1/runners/{name}: gone at GitHub first, then here. With `force=true` a runner that has a job is removed as
  /// soon as GitHub lets it go.
  func deleteRunner(
    _ name: String, _ query: Query, _ caller: Principal, _ context: RequestContext
  ) throws -> Response {
    let isForced = try isForced(query)
    let runner = try database.read { try ownRunner(name, caller, $0) }
    return try deprovision(runner, isForced: isForced, context)
  }

  /// Throws `validation` for any other query than `force`.
  func isForced(_ query: Query) throws(ServiceError) -> Bool {
    var reader = QueryReader(query)
    let force = reader.value("force", { Bool($0) }, "must be true or false")
    try reader.finish()
    return force ?? false
  }

  /// Deletes a runner that the caller may delete. `data` goes to the audit log.
  func deprovision(
    _ runner: Runner, isForced: Bool, _ context: RequestContext,
    data: [String: AuditEvent.Value] = [:]
  ) throws -> Response {
    guard runner.status != .deleted else { throw ServiceError.runnerNotFound }
    try refuseInFlight(runner)
    var data = data
    if isForced { data["force"] = .flag(true) }
    try audited { transaction, record in
      if isForced { try transaction.requestRemoval(of: runner) }
      try record(.deprovision(runner, .deprovisionRequested, context.actor, data))
    }
    do {
      try delete(runner, context, data)
    } catch {
      let current = try audited { transaction, record in
        try record(
          .deprovision(runner, .deprovision, context.actor, data, failed: ServiceError(error)))
        return try transaction.runners.runner(id: runner.id)
      }
      // Maintenance tries until it is gone.
      if isForced, case GitHubError.runnerBusy = error, let current, current.removal != nil {
        return try JSONBody.response(status: 202, json: RunnerRepresentation(current).json())
      }
      throw error
    }
    return Response(status: 204)
  }

  /// GitHub may be making the runner at this moment, and whoever asked it to would not learn that it is to be deleted.
  private func refuseInFlight(_ runner: Runner) throws {
    guard runner.provisioning.createsRunner, !runner.isIssued,
      runner.pendingUntil >= Timestamp(now())
    else { return }
    throw ServiceError.runnerBeingProvisioned(retryAfter: 60)
  }

  private func delete(
    _ runner: Runner, _ context: RequestContext, _ data: [String: AuditEvent.Value]
  ) throws {
    var runner = runner
    try clearLeftover(of: runner, context)
    // Again where somebody else has found out meanwhile under which id GitHub knows it, or has issued a token for it.
    for _ in 0..<3 {
      let wasThere = try removeAtGitHub(&runner, context)
      let isSettled = try audited { transaction, record in
        guard var current = try transaction.runners.runner(id: runner.id) else {
          throw ServiceError.runnerNotFound
        }
        guard current.isIssued == runner.isIssued,
          current.githubRunnerID == nil || current.githubRunnerID == runner.githubRunnerID
        else {
          runner = current
          return false
        }
        // It may have been found gone meanwhile, which stays the reason.
        if current.status != .deleted {
          current.githubRunnerID = runner.githubRunnerID
          current.delete(for: .requested, at: transaction.now)
          try transaction.runners.update(current)
          if !current.isIssued { try transaction.approvals.release(runnerID: current.id) }
        }
        var data = data
        data["at_github"] = .text(wasThere ? "deleted" : "not_found")
        try record(.deprovision(current, .deprovision, context.actor, data))
        return true
      }
      if isSettled { return }
    }
    throw ServiceError.githubUnavailable(retryAfter: 1)
  }

  /// Returns once GitHub has said that it removed the runner, true, or that it has none, false.
  private func removeAtGitHub(_ runner: inout Runner, _ context: RequestContext) throws -> Bool {
    if runner.githubRunnerID == nil, case .present(let id, _, _) = try observe(runner, context) {
      runner.githubRunnerID = id
    }
    guard let id = runner.githubRunnerID else { return false }
    return try github.limited(until: context.deadline).deleteRunner(id: id)
  }
}

extension Transaction {
  /// Notes that the runner is to be gone, whoever carries it out.
  fileprivate func requestRemoval(of runner: Runner) throws {
    guard var current = try runners.runner(id: runner.id), current.status != .deleted else {
      throw ServiceError.runnerNotFound
    }
    // A stale runner is kept if it comes back, and one that is not wanted is not.
    guard current.removal == nil || current.removal?.reason == .stale else { return }
    current.removal = Removal(reason: .requested, requestedAt: now)
    current.updatedAt = now
    try runners.update(current)
  }
}

extension AuditEvent {
  fileprivate static func deprovision(
    _ runner: Runner, _ kind: Kind, _ actor: Actor, _ data: [String: Value],
    failed error: ServiceError? = nil
  ) -> AuditEvent {
    let problem = error.map(Problem.init)
    return AuditEvent(
      kind, success: error == nil, errorCode: problem?.code, errorMessage: problem?.detail,
      actor: actor, runnerID: runner.id, runnerName: runner.name.description,
      data: data)
  }
}
