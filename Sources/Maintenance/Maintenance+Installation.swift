import GitHub
import Runners
import Storage

/// Why GitHub is not asked now.
public struct Paused: Error, CustomStringConvertible {
  public let description: String
  /// In seconds; nil where nobody knows.
  public var retryAfter: Int?
}

extension Maintenance {
  /// Throws `Paused` while GitHub would refuse us, or while what is left of the rate limit is for others. Throws
  /// `auditFileUnavailable` where what GitHub then does could not be recorded.
  func checkMayAsk(for purpose: RateLimitBudget.Purpose) throws {
    if purpose == .deletionAndVerification { try auditFile.checkWritable() }
    try noteRateLimit()
    let (installation, time) = try database.read {
      (try $0.installations.installation(id: options.installationID), $0.now)
    }
    guard installation.state == .active else {
      throw Paused(description: "the App's installation is \(installation.state.rawValue)")
    }
    guard let budget = installation.budget, !budget.allows(purpose, at: time) else { return }
    throw Paused(
      description: "\(budget.remaining) requests are left of GitHub's rate limit",
      retryAfter: budget.retryAfter(at: time))
  }

  /// Notes what GitHub said last about the rate limit, for all processes. Writes nothing that is known.
  func noteRateLimit() throws {
    guard let reading = github.rateLimit else { return }
    let budget = RateLimitBudget(
      limit: reading.limit, remaining: reading.remaining, resetAt: Timestamp(reading.resetAt))
    let known = try database.read {
      try $0.installations.installation(id: options.installationID).budget
    }
    guard known == nil || known?.merged(with: budget) != known else { return }
    try database.write {
      try $0.installations.record(budget, ofInstallation: options.installationID)
    }
  }

  /// Asks GitHub how our installation is, and notes it. Returns whether it is active.
  @discardableResult
  func checkInstallation() throws -> Bool {
    let state = try stateAtGitHub()
    try audited { transaction, record in
      let before = try transaction.installations.installation(id: options.installationID).state
      guard
        try transaction.installations.setState(state, ofInstallation: options.installationID)
      else { return }
      try record(
        AuditEvent(
          .installationChange, actor: actor,
          data: [
            "installation_id": .number(options.installationID),
            "from": .text(before.rawValue), "to": .text(state.rawValue),
          ]))
    }
    return state == .active
  }

  private func stateAtGitHub() throws(GitHubError) -> Installation.State {
    do {
      return try github.installation().suspendedAt == nil ? .active : .suspended
    } catch .notFound {
      return .deleted
    }
  }

  /// Finds out whether an error came of the installation's state.
  func reconsiderInstallation(after error: any Error) throws {
    switch error as? GitHubError {
    case .installationSuspended, .credentialsRejected, .notFound: try checkInstallation()
    default: break
    }
  }
}
