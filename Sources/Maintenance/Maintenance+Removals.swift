import Concurrency
import GitHub
import Logging
import Runners
import Storage

extension Maintenance {
  /// Of one run: each takes two requests, and new runners wait to be verified meanwhile.
  static let maximumRemovals = 100

  /// Removes the runners at GitHub that are to be removed, as far as GitHub lets it: one that runs a job stays until the
  /// job is done, and is tried again in its turn. Each run begins where the last one ended, so that runners which stay
  /// busy do not stand in the way of others.
  public func removeMarkedRunners() throws {
    try removeMarkedRunners(limit: Self.maximumRemovals)
  }

  /// The same for all of them at once: for a command, behind which nothing waits.
  public func removeAllMarkedRunners() throws {
    lastRemoval.withLock { $0 = nil }
    try removeMarkedRunners(limit: .max)
  }

  func removeMarkedRunners(limit: Int) throws {
    let last = lastRemoval.withLock { $0 }
    let runners = try database.read { transaction in
      let next = try transaction.runners.toRemove(
        organization: options.organization, after: last, limit: limit)
      guard next.isEmpty, last != nil else { return next }
      return try transaction.runners.toRemove(organization: options.organization, limit: limit)
    }
    guard !runners.isEmpty else { return }
    try checkMayAsk(for: .deletionAndVerification)
    // Whatever becomes of these: an error must not hold the run at the same ones.
    lastRemoval.withLock { $0 = runners.count < limit ? nil : runners.last }
    try forEach(of: runners) { runner in
      do { try remove(runner) } catch GitHubError.runnerBusy {
        logger.info(
          "a runner that is to be removed is busy",
          metadata: ["runner_id": "\(runner.id)", "runner_name": "\(runner.name)"])
      }
    }
  }

  private func remove(_ runner: Runner) throws {
    guard let removal = runner.removal else { return }
    let listed = try look(at: runner)
    // It has come back while it waited to be removed for having been away.
    if removal.reason == .stale, let listed, listed.isOnline {
      return try keep(runner, listed)
    }
    var wasThere = false
    if let listed, runner.isKnown(as: listed) {
      wasThere = try github.deleteRunner(id: listed.id)
    }
    try audited { transaction, record in
      let current = try transaction.runners.runner(id: runner.id)
      let isAsItWas =
        current.map { $0.status != .deleted && $0.githubRunnerID == runner.githubRunnerID }
        ?? false
      // What was removed at GitHub is on record, whatever has become of the row.
      guard isAsItWas || wasThere, var gone = isAsItWas ? current : runner else { return }
      gone.githubRunnerID = gone.githubRunnerID ?? (wasThere ? listed?.id : nil)
      if isAsItWas {
        gone.delete(for: removal.reason, at: transaction.now)
        try transaction.runners.update(gone)
      }
      let kind: AuditEvent.Kind = removal.reason == .stale ? .cleanup : .deprovision
      try record(
        gone.event(
          kind, by: actor,
          ["reason": .text(removal.reason.rawValue), "was_at_github": .flag(wasThere)]))
    }
  }

  private func keep(_ runner: Runner, _ listed: ListedRunner) throws {
    var (after, violation) = runner.compared(
      with: listed, isAllThatIsShown: true, at: Timestamp(now()))
    after.removal = nil
    _ = try apply([
      EvidencedChange(
        change: SyncPlan.Change(from: runner, to: after, violation: violation), evidence: [:])
    ])
  }
}

extension Runner {
  /// Whether what GitHub has under this runner's id, or under its name as long as no id is known, is this runner. The name
  /// was free when its token was issued. Where nothing was issued, only what an attempt to provision it left there can be.
  fileprivate func isKnown(as listed: ListedRunner) -> Bool {
    githubRunnerID != nil || isIssued
      || leftBehind(labels: listed.labels, isOnline: listed.isOnline, os: listed.os)
  }
}
