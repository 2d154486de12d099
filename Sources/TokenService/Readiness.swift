import Concurrency
import GitHub
import Logging
import OIDC
import Runners
import Storage

/// Whether everything that the service needs is there. Looked at anew every five seconds at most, since anybody may ask.
final class Readiness: Sendable {
  /// The outcome of one look.
  struct Report: Sendable, Encodable {
    var status: String { isReady ? "ready" : "not_ready" }
    let checks: [String: String]
    let timestamp: Timestamp

    var isReady: Bool { checks.values.allSatisfy { $0 == "ok" } }

    private enum CodingKeys: String, CodingKey {
      case status, checks, timestamp
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(status, forKey: .status)
      try container.encode(checks, forKey: .checks)
      try container.encode(timestamp, forKey: .timestamp)
    }
  }

  private struct Check: Sendable {
    let name: String
    let run: @Sendable () throws -> Void
  }

  private static let lifetime: Duration = .seconds(5)

  private let checks: [Check]
  private let logger: Logger
  private let state = Locked(State())

  private struct State {
    var last: (report: Report, at: ContinuousClock.Instant)?
    var isLooking = false
  }

  init(
    database: Database, auditFile: AuditFile, tokenValidator: TokenValidator?,
    github: GitHubClient, logger: Logger
  ) {
    var checks = [
      Check(name: "database") { try database.checkWritable() },
      Check(name: "schema") { try database.checkSchema() },
      Check(name: "audit_file") { try auditFile.checkWritable() },
      Check(name: "github_credentials") { try github.checkCredentials() },
    ]
    if let tokenValidator {
      checks.append(Check(name: "oidc_keys") { try tokenValidator.checkProvider() })
    }
    self.checks = checks
    self.logger = logger
  }

  /// The last report, or a new one where that is too old. While somebody looks, the others get the last one, so that a
  /// host that hangs cannot hold more than one thread.
  func report(now: Timestamp) -> Report {
    let known = state.withLock { state -> Report? in
      if let last = state.last, state.isLooking || .now - last.at < Self.lifetime {
        return last.report
      }
      if state.isLooking { return Report(checks: ["startup": "in_progress"], timestamp: now) }
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
    var outcomes: [String: String] = [:]
    for check in checks {
      do {
        try check.run()
        outcomes[check.name] = "ok"
      } catch {
        // Anybody may read the report; the cause is for the admin.
        outcomes[check.name] = "failed"
        logger.error(
          "not ready", metadata: ["check": "\(check.name)", "cause": "\(error)"])
      }
    }
    return Report(checks: outcomes, timestamp: now)
  }
}
