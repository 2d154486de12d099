import Concurrency
import Foundation
import GitHub
import Logging
import OIDC
import Runners
import Storage

/// Whether everything that the service needs is there. Looked at anew every five seconds at most, since anybody may ask.
final class Readiness: Sendable {
  enum Outcome: String, Encodable {
    case ok, failed
    /// Works with what is known, for some time.
    case stale
    /// The first look is under way.
    case inProgress = "in_progress"
    /// Fails, and the rest works without it.
    case degraded

    var isReady: Bool {
      switch self {
      case .ok, .stale, .degraded: true
      case .failed, .inProgress: false
      }
    }
  }

  /// The outcome of one look.
  struct Report: Sendable, Encodable {
    var status: String { isReady ? "ready" : "not_ready" }
    let checks: [String: Outcome]
    /// nil until GitHub has shown one.
    var rateLimit: RateLimitBudget?
    let timestamp: Timestamp

    var isReady: Bool { checks.values.allSatisfy { $0.isReady } }

    private enum CodingKeys: String, CodingKey {
      case status, checks, timestamp
      case rateLimit = "github_rate_limit"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(status, forKey: .status)
      try container.encode(checks, forKey: .checks)
      try container.encodeIfPresent(rateLimit.map(RateLimitRepresentation.init), forKey: .rateLimit)
      try container.encode(timestamp, forKey: .timestamp)
    }
  }

  private struct Check: Sendable {
    let name: String
    let run: @Sendable () throws -> Void
  }

  private static let lifetime: Duration = .seconds(5)

  private let checks: [Check]
  private let installation: @Sendable () throws -> Installation
  /// In bytes.
  private let logSize: @Sendable () -> Int
  /// Until when GitHub has told this process to wait.
  private let holdEnd: @Sendable () -> Date?
  private let tokenValidator: TokenValidator?
  private let logger: Logger
  private let state = Locked(State())
  /// What came of the last look's checks, so that the log has what changed.
  private let outcomes = Locked<[String: Outcome]>([:])

  private struct State {
    var last: (report: Report, at: ContinuousClock.Instant)?
    var isLooking = false
  }

  init(
    database: Database, auditFile: AuditFile, tokenValidator: TokenValidator?,
    github: GitHubClient, installationID: Int64, logger: Logger
  ) {
    checks = [
      Check(name: "database") { try database.checkWritable() },
      Check(name: "schema") { try database.checkSchema() },
      Check(name: "audit_file") { try auditFile.checkWritable() },
      Check(name: "github_credentials") { try github.checkCredentials() },
    ]
    holdEnd = { github.holdEnd }
    logSize = { database.logSize }
    installation = {
      try database.read { try $0.installations.installation(id: installationID) }
    }
    self.tokenValidator = tokenValidator
    self.logger = logger
  }

  /// The last report, or a new one where that is too old. While somebody looks, the others get the last one, so that a
  /// host that hangs cannot hold more than one thread.
  func report(now: Timestamp) -> Report {
    let known = state.withLock { state -> Report? in
      if let last = state.last, state.isLooking || .now - last.at < Self.lifetime {
        return last.report
      }
      if state.isLooking { return Report(checks: ["startup": .inProgress], timestamp: now) }
      state.isLooking = true
      return nil
    }
    if let known { return known }
    let report = look(now: now)
    state.withLock { state in
      state.last = (report, .now)
      state.isLooking = false
    }
    return report
  }

  private func look(now: Timestamp) -> Report {
    var outcomes: [String: Outcome] = [:]
    var causes: [String: String] = [:]
    for check in checks {
      do {
        try check.run()
        outcomes[check.name] = .ok
      } catch {
        outcomes[check.name] = .failed
        causes[check.name] = "\(error)"
      }
    }
    let logSize = logSize()
    let isLogHealthy = logSize <= Database.unhealthyLogSize
    outcomes["database_log"] = isLogHealthy ? .ok : .degraded
    if !isLogHealthy {
      causes["database_log"] =
        "the write-ahead log has \(logSize >> 20) MiB: something has read the database for long, or nobody maintains it"
    }
    outcomes.merge(keyOutcomes(&causes)) { $1 }
    let budget = installationOutcomes(&outcomes, &causes, now: now)
    log(outcomes, causes)
    return Report(checks: outcomes, rateLimit: budget, timestamp: now)
  }

  /// What all processes know of the installation, by which requests are refused. Where it cannot be read the service
  /// is not ready.
  private func installationOutcomes(
    _ outcomes: inout [String: Outcome], _ causes: inout [String: String], now: Timestamp
  ) -> RateLimitBudget? {
    do {
      let installation = try installation()
      let isActive = installation.state == .active
      outcomes["github_installation"] = isActive ? .ok : .failed
      if !isActive { causes["github_installation"] = "it is \(installation.state.rawValue)" }
      let isOpen = installation.budget?.allows(.provisioning, at: now) ?? true
      outcomes["github_rate_limit"] = isOpen ? .ok : .degraded
      if !isOpen { causes["github_rate_limit"] = "what is left of it is kept for removals" }
      if let end = holdEnd() {
        outcomes["github_rate_limit"] = .degraded
        causes["github_rate_limit"] = "GitHub has told this worker to wait until \(Timestamp(end))"
      }
      return installation.budget
    } catch {
      outcomes["github_installation"] = .failed
      causes["github_installation"] = "\(error)"
      return nil
    }
  }

  /// Anybody may read the report; the causes are for the admin.
  private func log(_ outcomes: [String: Outcome], _ causes: [String: String]) {
    let former = self.outcomes.withLock { known in
      defer { known = outcomes }
      return known
    }
    for (check, outcome) in outcomes where outcome != former[check] ?? .ok {
      guard outcome != .ok else {
        logger.info("a check is passed again", metadata: ["check": "\(check)"])
        continue
      }
      logger.error(
        "a check failed",
        metadata: [
          "check": "\(check)", "outcome": "\(outcome.rawValue)", "cause": "\(causes[check] ?? "")",
        ])
    }
  }

  /// The service is ready with the first provider's keys alone: the others' callers are told to come back, and everybody
  /// else is served.
  private func keyOutcomes(_ causes: inout [String: String]) -> [String: Outcome] {
    var outcomes: [String: Outcome] = [:]
    for (index, (provider, state)) in (tokenValidator?.keyStates() ?? []).enumerated() {
      let name = index == 0 ? "oidc_keys" : "oidc_keys_\(provider)"
      switch state {
      case .fresh:
        outcomes[name] = .ok
      case .stale(let reason):
        outcomes[name] = .stale
        causes[name] = reason
      case .missing(let reason):
        outcomes[name] = index == 0 ? .failed : .degraded
        causes[name] = reason
      }
    }
    return outcomes
  }
}
