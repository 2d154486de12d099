public import FastCGI
import GitHub
import Logging
import Runners
import Storage

extension Service {
  public func didNotDeliver(_ response: Response, to request: Request) {
    // The id that the answer carried, which was made up where the web server sent none.
    let context = RequestContext(
      request: request, requestID: response.header("X-Request-ID"), since: .now)
    logger.warning(
      "the answer was not delivered: the web server went away",
      metadata: ["request_id": "\(context.requestID)", "status": "\(response.status)"])
    guard let runnerID = Self.provisionedRunnerID(response) else { return }
    logged("an undelivered answer could not be recorded", context) {
      try audited { transaction, record in
        let runner = try transaction.runners.runner(id: runnerID)
        // The request id joins it with the record of what was issued.
        try record(
          AuditEvent(
            .provisionUndelivered, success: false, actor: context.actor, runnerID: runnerID,
            runnerName: runner?.name.description))
      }
    }
    logged("a runner whose config was not delivered could not be removed", context) {
      try withdraw(runnerID, context)
    }
  }

  /// Nobody is there to be told of an error.
  private func logged(
    _ message: Logger.Message, _ context: RequestContext, _ body: () throws -> Void
  ) {
    do { try body() } catch {
      logger.error(
        message, metadata: ["request_id": "\(context.requestID)", "cause": "\(error)"])
    }
  }

  /// Removes a JIT runner whose config reached nobody. A registration token cannot be taken back: it counts until it has
  /// expired.
  private func withdraw(_ runnerID: String, _ context: RequestContext) throws {
    let found = try database.read { try $0.runners.runner(id: runnerID) }
    guard let runner = found, runner.provisioning.createsRunner, runner.status != .deleted,
      let githubID = runner.githubRunnerID
    else { return }
    var isRemoved = false
    do {
      try github.limited(until: context.deadline).deleteRunner(id: githubID)
      isRemoved = true
    } catch GitHubError.runnerBusy {
      // It has a job, so the config did arrive.
      return
    } catch {
      logger.warning(
        "a runner is left at GitHub",
        metadata: [
          "request_id": "\(context.requestID)", "runner_id": "\(runnerID)", "cause": "\(error)",
        ])
    }
    try audited { transaction, record in
      guard var current = try transaction.runners.runner(id: runnerID), current.status != .deleted
      else { return }
      let former = current.status
      if isRemoved {
        current.delete(for: .provisioningFailed, at: transaction.now)
        try transaction.approvals.release(runnerID: runnerID)
        try record(.statusChange(of: current, from: former, context.actor))
      } else {
        current.removal = Removal(reason: .provisioningFailed, requestedAt: transaction.now)
        try record(
          AuditEvent(
            .deprovisionRequested, actor: context.actor, runnerID: runnerID,
            runnerName: current.name.description,
            data: ["reason": .text(DeletionReason.provisioningFailed.rawValue)]))
      }
      try transaction.runners.update(current)
    }
  }
}
