/// What GitHub tells of a job that has come to a runner (`workflow_job`).
public struct WorkflowJob: Sendable, Equatable {
  /// What became of the job, in GitHub's words. Jobs that are only queued have no runner yet.
  public enum Action: String, Sendable {
    /// A runner has begun it.
    case inProgress = "in_progress"
    /// It has ended, whatever came of it.
    case completed
  }

  /// GitHub's id of the job.
  public let id: Int64
  /// Whether it has begun or ended.
  public let action: Action
  /// GitHub's id of the runner that has it. Such ids are unique within the organization or within one
  /// repository: another of the organization's runners may have this one.
  public let githubRunnerID: Int64
  /// The name of that runner.
  public let runnerName: String
  /// When it started, or was completed.
  public let happenedAt: Timestamp?

  public init(
    id: Int64, action: Action, githubRunnerID: Int64, runnerName: String, happenedAt: Timestamp?
  ) {
    self.id = id
    self.action = action
    self.githubRunnerID = githubRunnerID
    self.runnerName = runnerName
    self.happenedAt = happenedAt
  }
}

extension Runner {
  /// In seconds: how far GitHub's clock and this one may differ.
  private static let leeway = 60

  /// Whether this runner has the job. Ids of GitHub's own runners and of a repository's look like ours, so the name must
  /// be right too. The name alone is enough as long as the id is not known, for a job that is not older than this runner,
  /// since names are used again; whether there is such a runner, and whether it is what was granted, GitHub is then asked.
  public func has(_ job: WorkflowJob) -> Bool {
    guard status != .deleted, name.description.lowercased() == job.runnerName.lowercased() else {
      return false
    }
    guard let githubRunnerID else {
      let isOlder = job.happenedAt.map { $0.adding(seconds: Self.leeway) < createdAt } ?? false
      return isIssued && !isOlder
    }
    return githubRunnerID == job.githubRunnerID
  }

  /// The runner after what a webhook tells of its job: a pure decision. Deliveries come in any order, late, and some never.
  ///
  /// The id in it is never taken over: a repository may have a runner of the same name, whose id is another runner's in the
  /// organization. Only what GitHub answers about the organization binds a runner to an id.
  ///
  /// An ephemeral runner is about to go when its job is completed, and may be there a little longer: it counts as not
  /// verified from then on, so that maintenance soon looks at it.
  ///
  /// - Parameters:
  ///   - job: what the webhook tells; where it is not about this runner nothing changes.
  ///   - history: the deliveries about this runner's jobs that have been acted on.
  ///   - now: when the webhook came.
  public func after(_ job: WorkflowJob, history: [ProcessedDelivery], at now: Timestamp) -> Runner {
    guard has(job) else { return self }
    switch job.action {
    case .inProgress where job.isCompleted(in: history):
      return rested(at: now)
    case .inProgress where isOlderThanWhatIsKnown(job):
      return self
    case .inProgress:
      return connected(isBusy: true, at: now)
    case .completed where job.hasSuccessor(in: history):
      return self
    case .completed:
      return rested(at: now)
    }
  }

  private func rested(at now: Timestamp) -> Runner {
    var next = self
    if status == .pending { next = connected(isBusy: false, at: now) }
    next.busy = false
    if ephemeral { next.verifiedAt = nil }
    if next != self { next.updatedAt = now }
    return next
  }

  /// One whose id is not known is active until GitHub has been asked, and nothing more: it need not be registered.
  private func connected(isBusy: Bool, at now: Timestamp) -> Runner {
    if let githubRunnerID {
      return observed(
        .present(githubRunnerID: githubRunnerID, isOnline: true, isBusy: isBusy), at: now)
    }
    var next = self
    next.status = .active
    next.busy = isBusy
    if next != self { next.updatedAt = now }
    return next
  }

  /// Whether the runner has been looked at since. One that is pending, or whose id is not known, has not been.
  private func isOlderThanWhatIsKnown(_ job: WorkflowJob) -> Bool {
    guard status != .pending, githubRunnerID != nil, let startedAt = job.happenedAt else {
      return false
    }
    return startedAt.adding(seconds: Self.leeway) < updatedAt
  }
}

extension WorkflowJob {
  fileprivate func isCompleted(in history: [ProcessedDelivery]) -> Bool {
    history.contains { $0.subject == id && $0.action == Action.completed.rawValue }
  }

  /// Whether the runner has started another job since this one was completed.
  fileprivate func hasSuccessor(in history: [ProcessedDelivery]) -> Bool {
    guard let happenedAt else { return false }
    return history.contains { delivery in
      delivery.subject != id && delivery.action == Action.inProgress.rawValue
        && delivery.happenedAt.map { $0 >= happenedAt } == true
    }
  }
}
