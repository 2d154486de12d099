import GitHub
import Logging
import Runners
import Storage

/// What an attempt to provision a runner that came to nothing has left at GitHub.
enum Remains: String {
  case nothing
  /// A JIT runner, which has been removed.
  case removed
  /// Perhaps a JIT runner: that there is none could not be proven.
  case unknown
}

/// GitHub makes a JIT runner before it answers. Whatever becomes of the answer, no runner may stay that nobody can use and
/// whose name nobody else can have.
extension Service {
  /// Removes what may be at GitHub where the provisioning of `runner` failed. `minted`: what GitHub had handed out by then.
  func clear(
    _ runner: Runner, _ minted: Credential?, after error: any Error, _ context: RequestContext
  ) -> Remains {
    guard runner.provisioning.createsRunner else { return .nothing }
    do {
      if let id = minted?.githubRunnerID {
        try github.limited(until: context.deadline).deleteRunner(id: id)
        return .removed
      }
      guard (error as? GitHubError)?.mayHaveActed == true else { return .nothing }
      switch try look(for: [runner], nameHeldBy: runner, context) {
      case .removed: return .removed
      // It has the name, so that GitHub cannot make another one of it.
      case .foreign: return .nothing
      // Not yet.
      case .absent: return .unknown
      }
    } catch {
      logger.warning(
        "a runner may be left at GitHub",
        metadata: [
          "request_id": "\(context.requestID)", "runner_id": "\(runner.id)", "cause": "\(error)",
        ])
      return .unknown
    }
  }

  /// As `mint`. If a runner that an earlier attempt left behind has the name, it is removed first; any other keeps it, and
  /// `nameTaken` is thrown.
  func mintPastLeftover(
    for runner: Runner, _ wanted: ProvisionRequest, _ context: RequestContext
  ) throws -> Credential {
    do { return try mint(for: runner, wanted, context) } catch {
      guard case GitHubError.nameTaken = error else { throw error }
      let since = Timestamp(now()).adding(seconds: -Self.leftoverSeconds)
      let attempts = try database.read {
        try $0.runners.unaccounted(
          named: runner.name, organization: settings.organization, since: since)
      }
      guard !attempts.isEmpty,
        try removeLeftover(of: attempts, nameHeldBy: runner, context) != .foreign
      else { throw error }
      return try mint(for: runner, wanted, context)
    }
  }

  /// GitHub removes an ephemeral runner that does not connect for a day.
  private static let leftoverSeconds = 86_400

  /// Removes what GitHub may have of a runner whose provisioning came to nothing, so that nobody can use it: of a reservation
  /// that has run out, or of one that could not be removed when its config did not leave.
  func clearLeftover(of runner: Runner, _ context: RequestContext) throws {
    guard runner.provisioning.createsRunner, runner.status == .pending else { return }
    if !runner.isIssued, runner.pendingUntil < Timestamp(now()) {
      _ = try removeLeftover(of: [runner], nameHeldBy: runner, context)
    } else if runner.isUnusable, let id = runner.githubRunnerID {
      try github.limited(until: context.deadline).deleteRunner(id: id)
      try recordRemoval(of: runner, githubRunnerID: id, context)
    }
  }

  private enum Look: Equatable {
    case removed(githubRunnerID: Int64, of: Runner)
    /// A runner of the name that none of the attempts left behind.
    case foreign
    case absent
  }

  /// Looks for a runner of the holder's name at GitHub and removes it if one of `attempts` left it behind.
  ///
  /// Another request may have ended the holder meanwhile and had a runner of the same name and labels made. While the
  /// holder is there nobody can, so that what was found before it was seen to be there still is no such runner.
  private func look(
    for attempts: [Runner], nameHeldBy holder: Runner, _ context: RequestContext
  ) throws -> Look {
    let github = github.limited(until: context.deadline)
    guard let found = try github.runner(name: holder.name.description) else { return .absent }
    let labels = found.labels.map(\.name)
    let attempt = attempts.first {
      $0.leftBehind(labels: labels, isOnline: found.isOnline, os: found.os)
    }
    guard let attempt, try isReservation(holder.id) else { return .foreign }
    try github.deleteRunner(id: found.id)
    return .removed(githubRunnerID: found.id, of: attempt)
  }

  private func isReservation(_ id: String) throws -> Bool {
    let runner = try database.read { try $0.runners.runner(id: id) }
    return runner?.status == .pending && runner?.isIssued == false
  }

  /// The same, and records the removal.
  private func removeLeftover(
    of attempts: [Runner], nameHeldBy holder: Runner, _ context: RequestContext
  ) throws -> Look {
    let outcome = try look(for: attempts, nameHeldBy: holder, context)
    if case .removed(let id, let attempt) = outcome {
      try recordRemoval(of: attempt, githubRunnerID: id, context)
    }
    return outcome
  }

  private func recordRemoval(
    of runner: Runner, githubRunnerID: Int64, _ context: RequestContext
  ) throws {
    try audited { _, record in
      try record(
        AuditEvent(
          .cleanup, actor: context.actor, runnerID: runner.id,
          runnerName: runner.name.description,
          data: [
            "github_runner_id": .number(githubRunnerID), "reason": .text("left_at_github"),
          ]))
    }
  }
}

extension Runner {
  /// Whether it is known that nobody has what it connects with.
  var isUnusable: Bool { removal?.reason == .provisioningFailed }
}
