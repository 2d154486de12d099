import FastCGI
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
      return try JSONBody.response(RunnerRepresentation(runner))
    }
    return try JSONBody.response(RunnerRepresentation(try refresh(runner, context)))
  }

  /// Looks at GitHub and stores what was found.
  @discardableResult
  func refresh(_ runner: Runner, _ context: RequestContext) throws -> Runner {
    let observation = try observe(runner, context)
    return try audited { transaction, record in
      guard let current = try transaction.runners.runner(id: runner.id) else {
        throw ServiceError.runnerNotFound
      }
      let next = current.observed(observation, at: transaction.now)
      if next != current { try transaction.runners.update(next) }
      try record(
        AuditEvent(
          .refresh, actor: context.actor, runnerID: next.id, runnerName: next.name.description))
      if next.status != current.status {
        try record(.statusChange(of: next, from: current.status, context.actor))
      }
      return next
    }
  }

  /// Asks GitHub about a runner: by its id once that is known, until then by its name and labels.
  func observe(_ runner: Runner, _ context: RequestContext) throws -> Observation {
    let github = github.limited(until: context.deadline)
    let found: GitHubRunner?
    if let id = runner.githubRunnerID {
      found = try github.runner(id: id)
    } else {
      let named = try github.runner(name: runner.name.description)
      found = named.flatMap { runner.canBe(labeled: $0.labels.map(\.name)) ? $0 : nil }
    }
    guard let found else { return .absent }
    return .present(githubRunnerID: found.id, isOnline: found.isOnline, isBusy: found.busy)
  }
}
