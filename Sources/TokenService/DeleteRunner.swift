import FastCGI
import GitHub
import Runners
import Storage

extension Service {
  /// DELETE /api/v1/runners/{name}: gone at GitHub first, then here.
  func deleteRunner(
    _ name: String, _ caller: Principal, _ context: RequestContext
  ) throws -> Response {
    let runner = try database.read { try ownRunner(name, caller, $0) }
    return try deprovision(runner, context)
  }

  /// Deletes a runner that the caller may delete. `data` goes to the audit log.
  func deprovision(
    _ runner: Runner, _ context: RequestContext, data: [String: AuditEvent.Value] = [:]
  ) throws -> Response {
    guard runner.status != .deleted else { throw ServiceError.runnerNotFound }
    try audited { _, record in
      try record(.deprovision(runner, .deprovisionRequested, context.actor, data))
    }
    do {
      try delete(runner, context, data)
    } catch {
      try audited { _, record in
        try record(
          .deprovision(runner, .deprovision, context.actor, data, failed: ServiceError(error)))
      }
      throw error
    }
    return Response(status: 204)
  }

  private func delete(
    _ runner: Runner, _ context: RequestContext, _ data: [String: AuditEvent.Value]
  ) throws {
    var runner = runner
    // Again where somebody else has found out meanwhile under which id GitHub knows it.
    for _ in 0..<3 {
      if case .present(let id, _, _) = try observe(runner, context) {
        try github.limited(until: context.deadline).deleteRunner(id: id)
        runner.githubRunnerID = id
      }
      let isSettled = try audited { transaction, record in
        guard var current = try transaction.runners.runner(id: runner.id) else {
          throw ServiceError.runnerNotFound
        }
        guard current.githubRunnerID == nil || current.githubRunnerID == runner.githubRunnerID
        else {
          runner = current
          return false
        }
        // It may have been found gone meanwhile, which stays the reason.
        if current.status != .deleted {
          current.delete(for: .requested, at: transaction.now)
          try transaction.runners.update(current)
        }
        try record(.deprovision(current, .deprovision, context.actor, data))
        return true
      }
      if isSettled { return }
    }
    throw ServiceError.githubUnavailable(retryAfter: 1)
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
