import FastCGI
import Foundation
import GitHub
import Runners
import Storage

extension Service {
  /// POST /api/v1/runners/{name}/refresh: the runner after a look at GitHub.
  func refreshRunner(
    _ name: String, _ caller: Principal, _ context: RequestContext
  ) throws -> Response {
    let runner = try database.read { try ownRunner(name, caller, $0) }
    guard runner.status != .deleted else {
      return try JSONBody.response(json: RunnerRepresentation(runner).json())
    }
    return try JSONBody.response(json: RunnerRepresentation(refresh(runner, context)).json())
  }

  /// Looks at GitHub and stores what was found.
  @discardableResult
  func refresh(_ runner: Runner, _ context: RequestContext) throws -> Runner {
    var runner = runner
    try clearLeftover(of: runner, context)
    // Again where somebody else has found out meanwhile under which id GitHub knows it: that it was not found by its name
    // then says nothing about it.
    for _ in 0..<3 {
      let observation = try observe(runner, context)
      let (current, isSettled) = try audited { transaction, record in
        try apply(observation, of: runner, transaction, record, context)
      }
      if isSettled { return current }
      runner = current
    }
    throw ServiceError.githubUnavailable(retryAfter: 1)
  }

  private func apply(
    _ observation: Observation, of observed: Runner, _ transaction: Transaction,
    _ record: (AuditEvent) throws -> Void, _ context: RequestContext
  ) throws -> (Runner, isSettled: Bool) {
    guard let current = try transaction.runners.runner(id: observed.id) else {
      throw ServiceError.runnerNotFound
    }
    guard current.githubRunnerID == observed.githubRunnerID,
      // What a webhook told meanwhile is newer than that it was not found.
      !observation.isAbsent || current.status == observed.status
    else { return (current, false) }
    let next = current.observed(observation, at: transaction.now)
    if next != current { try transaction.runners.update(next) }
    if next.status == .deleted, !next.isIssued {
      try transaction.approvals.release(runnerID: next.id)
    }
    try record(
      AuditEvent(
        .refresh, actor: context.actor, runnerID: next.id, runnerName: next.name.description))
    if next.status != current.status {
      try record(.statusChange(of: next, from: current.status, context.actor))
    }
    return (next, true)
  }

  /// Asks GitHub about a runner: by its id once that is known, until then by its name. That was free when the token was
  /// issued, so that whatever has it now came of it, and if it took other labels than were granted, it is not absent for
  /// that: verification judges it. Nobody can have registered a runner whose token has not been issued, so one of its name is
  /// somebody else's, unless it is what `clearLeftover` removes.
  func observe(_ runner: Runner, _ context: RequestContext) throws -> Observation {
    let lookedAt = Timestamp(now())
    guard runner.githubRunnerID != nil || runner.isIssued else {
      return .absent(lookedAt: lookedAt)
    }
    let github = github.limited(until: context.deadline)
    let found: GitHubRunner?
    if let id = runner.githubRunnerID {
      found = try github.runner(id: id)
    } else {
      let named = try github.runner(name: runner.name.description)
      found = named.flatMap { $0.isHostedByGitHub ? nil : $0 }
    }
    guard let found else { return .absent(lookedAt: lookedAt) }
    return .present(githubRunnerID: found.id, isOnline: found.isOnline, isBusy: found.busy)
  }
}
