import ArgumentParser
import Foundation
import GitHub
import Runners
import Storage
import TokenService

/// `status`: how the service stands, at a glance.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract:
      "Show how the service stands: runners, GitHub's rate limit, the last sync, what waits for an admin.",
    discussion: """
      What the database has; GitHub is not asked (check-config --online does). Ends with status 0, 1 if the database cannot \
      be read, 78 if the configuration cannot be used.

      Example:
        runner-token-service status --env-file service.env
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let settings = try configuration.organizationSettings()
    try ServiceState.run(settings.local) { state in
      let summary = try state.database.read {
        try $0.summary(
          organization: settings.organization,
          installationID: settings.installationID)
      }
      let isMaintained = state.database.hasMaintainer
      if json {
        print(try JSONLine.text(SummaryRepresentation(summary, isMaintained: isMaintained)))
        return
      }
      let rows = rows(summary, isMaintained: isMaintained)
      let table = Table(["", ""], for: rows)
      for row in rows { print(table.line(row)) }
    }
  }

  private func rows(_ summary: ServiceSummary, isMaintained: Bool) -> [[String]] {
    let installation = summary.installation
    let runners = RunnerStatus.allCases.compactMap { status in
      summary.runners[status].map { "\($0) \(status.rawValue)" }
    }
    let budget = installation.budget.map {
      "\($0.remaining) of \($0.limit) requests left until \($0.resetAt)"
    }
    let sync = installation.lastSyncAt.map {
      "number \(installation.lastSync) at \($0), \(installation.lastSyncRunners ?? 0) runners at GitHub"
    }
    let since = installation.stateChangedAt.map { " since \($0)" } ?? ""
    return [
      ["organization", summary.organization],
      ["installation", installation.state.rawValue + since],
      [
        "maintenance",
        isMaintained ? "running" : "not running: start `runner-token-service maintain`",
      ],
      ["last sync", sync ?? "none yet"],
      ["rate limit", budget ?? "not known yet"],
      ["runners", runners.isEmpty ? "none" : runners.joined(separator: ", ")],
      ["to be removed", "\(summary.runnersToRemove)"],
      ["label policies", "\(summary.labelPolicies)"],
      ["approvals", "\(summary.pendingApprovals) waiting"],
      ["security events", "\(summary.graveSecurityEvents) of high severity in the last day"],
    ]
  }
}

private struct SummaryRepresentation: Encodable {
  let organization: String
  let installation: String
  let isMaintained: Bool
  let lastSync: Int64
  let lastSyncAt: Timestamp?
  let rateLimit: RateLimitRepresentation?
  let runners: [String: Int]
  let runnersToRemove: Int
  let labelPolicies: Int
  let pendingApprovals: Int
  let graveSecurityEvents: Int

  enum CodingKeys: String, CodingKey {
    case organization, installation, runners
    case isMaintained = "maintenance_running"
    case lastSync = "last_sync"
    case lastSyncAt = "last_sync_at"
    case rateLimit = "rate_limit"
    case runnersToRemove = "runners_to_remove"
    case labelPolicies = "label_policies"
    case pendingApprovals = "pending_approvals"
    case graveSecurityEvents = "high_security_events_last_day"
  }

  init(_ summary: ServiceSummary, isMaintained: Bool) {
    organization = summary.organization
    installation = summary.installation.state.rawValue
    self.isMaintained = isMaintained
    lastSync = summary.installation.lastSync
    lastSyncAt = summary.installation.lastSyncAt
    rateLimit = summary.installation.budget.map(RateLimitRepresentation.init)
    runners = Dictionary(
      uniqueKeysWithValues: RunnerStatus.allCases.filter { $0 != .deleted }
        .map { ($0.rawValue, summary.runners[$0] ?? 0) })
    runnersToRemove = summary.runnersToRemove
    labelPolicies = summary.labelPolicies
    pendingApprovals = summary.pendingApprovals
    graveSecurityEvents = summary.graveSecurityEvents
  }
}
