import GitHub
import Runners
import Storage

/// What is known about our installation at GitHub, asked before GitHub is and brought up to date afterwards.
extension Service {
  var installationID: Int64 { settings.github.credentials.installationID }

  /// A suspension that has been known for longer, in seconds, may be over without anybody having told us.
  private static let certainSeconds = 60

  /// Throws `installationInactive` or `githubRateLimited` where GitHub is not to be asked for a runner.
  func requireInstallation(_ installation: Installation, _ context: RequestContext) throws {
    let now = Timestamp(now())
    if installation.state != .active { try lookAtInstallation(installation, at: now, context) }
    guard let budget = budget(installation), !budget.allows(.provisioning, at: now) else { return }
    throw ServiceError.githubRateLimited(retryAfter: budget.retryAfter(at: now))
  }

  /// What all processes know, and what this one has heard since it last wrote that down.
  private func budget(_ installation: Installation) -> RateLimitBudget? {
    guard let heard = github.rateLimit.map(RateLimitBudget.init) else { return installation.budget }
    return installation.budget?.merged(with: heard) ?? heard
  }

  /// Returns if GitHub has taken the installation up again. A process asks at most once a minute.
  private func lookAtInstallation(
    _ installation: Installation, at now: Timestamp, _ context: RequestContext
  ) throws {
    let retryAfter = Self.certainSeconds
    guard let since = installation.stateChangedAt, since.adding(seconds: retryAfter) < now else {
      throw ServiceError.installationInactive(installation.state, retryAfter: retryAfter)
    }
    let github = github.limited(until: context.deadline)
    let state = try installationLook.value { () throws(GitHubError) in
      try github.installationState()
    }
    guard state == .active else {
      throw ServiceError.installationInactive(state, retryAfter: retryAfter)
    }
    try audited { transaction, record in
      try note(.active, transaction, record, context)
    }
  }

  /// Takes in what GitHub's answers, or the error that they came to, say about the installation.
  func noteGitHub(
    after error: (any Error)?, _ transaction: Transaction, _ record: (AuditEvent) throws -> Void,
    _ context: RequestContext
  ) throws {
    if let budget = github.rateLimit.map(RateLimitBudget.init) {
      try transaction.installations.record(budget, ofInstallation: installationID)
    }
    switch error as? GitHubError {
    case .installationSuspended: try note(.suspended, transaction, record, context)
    case nil where error == nil: try note(.active, transaction, record, context)
    default: break
    }
  }

  private func note(
    _ state: Installation.State, _ transaction: Transaction,
    _ record: (AuditEvent) throws -> Void, _ context: RequestContext
  ) throws {
    guard try transaction.installations.setState(state, ofInstallation: installationID) else {
      return
    }
    try record(
      AuditEvent(
        .installationChange, actor: context.actor,
        data: ["state": .text(state.rawValue), "installation_id": .number(installationID)]))
  }
}

extension GitHubClient {
  fileprivate func installationState() throws(GitHubError) -> Installation.State {
    do throws(GitHubError) {
      return try installation().suspendedAt == nil ? .active : .suspended
    } catch {
      guard error == .notFound else { throw error }
      return .deleted
    }
  }
}

extension RateLimitBudget {
  init(_ reading: RateLimitReading) {
    self.init(
      limit: reading.limit, remaining: reading.remaining, resetAt: Timestamp(reading.resetAt))
  }
}
