import GitHub
import Logging
import Runners
import Storage

extension Maintenance {
  /// Reports runners that nobody provisioned here, each once. Returns those that were new.
  func report(_ runners: [ListedRunner], sync: Int64) throws -> [ListedRunner] {
    var reported: [ListedRunner] = []
    try forEachBatch(of: runners) { batch in
      reported += try audited { transaction, record in
        try batch.filter { try report($0, sync: sync, transaction, record) }
      }
    }
    return reported
  }

  private func report(
    _ runner: ListedRunner, sync: Int64, _ transaction: Transaction,
    _ record: (AuditEvent) throws -> Void
  ) throws -> Bool {
    guard try !isManaged(id: runner.id, name: runner.name, transaction),
      try transaction.unmanagedRunners.insert(
        id: runner.id, name: runner.name, organization: options.organization)
    else { return false }
    let data: [String: AuditEvent.Value] = [
      "sync": .number(sync), "github_runner_id": .number(runner.id),
      "labels": .texts(runner.labels), "online": .flag(runner.isOnline),
    ]
    try record(
      AuditEvent(.unmanagedRunner, actor: actor, runnerName: runner.name, data: data))
    try transaction.securityEvents.record(
      SecurityEvent(.unmanagedRunner, actor: actor, runnerName: runner.name, data: data))
    return true
  }

  /// Whether a live runner here has this id or name.
  private func isManaged(id: Int64, name: String, _ transaction: Transaction) throws -> Bool {
    let (runners, organization) = (transaction.runners, options.organization)
    if try runners.live(githubRunnerID: id, organization: organization) != nil { return true }
    guard let name = RunnerName(name) else { return false }
    return try runners.live(named: name, organization: organization) != nil
  }

  /// Removes unmanaged runners, where that is wanted. Only those that were reported a while ago: what was just seen may be
  /// the work of a reservation that is about to be given up.
  public func removeUnmanagedRunners() throws {
    guard options.unmanagedRunners == .delete else { return }
    let runners = try database.read {
      try $0.unmanagedRunners.seen(
        before: $0.now.adding(seconds: -Self.settlingTime), organization: options.organization)
    }
    guard !runners.isEmpty else { return }
    try checkMayAsk(for: .deletionAndVerification)
    try forEach(of: runners) { runner in
      do { try remove(runner) } catch GitHubError.runnerBusy {
        logger.info(
          "an unmanaged runner is busy", metadata: ["github_runner_id": "\(runner.githubRunnerID)"])
      }
    }
  }

  private func remove(_ runner: UnmanagedRunner) throws {
    let id = runner.githubRunnerID
    // Its labels may have been taken away, or the runner be somebody's, since it was reported.
    let listed = try github.runner(id: id).map(ListedRunner.init)
    let isOurs = try database.read { try isManaged(id: id, name: runner.name, $0) }
    if let listed, listed.isHostedByGitHub { return }
    let wasRemoved = try listed != nil && !isOurs && github.deleteRunner(id: id)
    try audited { transaction, record in
      // A sync may have taken it off the list meanwhile; the removal is on record all the same.
      try transaction.unmanagedRunners.remove(id: id, organization: options.organization)
      guard wasRemoved else { return }
      try record(
        AuditEvent(
          .unmanagedRunner, actor: actor, runnerName: runner.name,
          data: ["github_runner_id": .number(id), "removed": .flag(true)]))
    }
  }
}
