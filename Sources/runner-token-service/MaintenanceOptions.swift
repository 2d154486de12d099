import Foundation
import GitHub
import HTTPClient
import Logging
import Maintenance
import Runners
import Storage
import TokenService

extension Settings {
  var maintenanceOptions: Maintenance.Options {
    Maintenance.Options(
      organization: github.organization, installationID: github.credentials.installationID,
      syncInterval: syncIntervalSeconds, staleAfterHours: staleRunnerHours,
      unmanagedRunners: unmanagedRunners,
      receivesWebhooks: github.webhookKey != nil)
  }

  /// A logger that writes JSON lines, as those of the workers are.
  var logger: Logger {
    let level = Logger.Level(rawValue: logLevel.rawValue) ?? .info
    return Logger(label: "runner-token-service") { _ in JSONLogHandler(level: level) }
  }

  /// - Parameters:
  ///   - actor: in whose name the audit log has what is done.
  ///   - http: the way to GitHub.
  func maintenance(
    of database: Database, by actor: AuditEvent.Actor, logger: Logger,
    http: HTTPClient = .curl()
  ) -> Maintenance {
    let now: @Sendable () -> Date = { Date() }
    return Maintenance(
      options: maintenanceOptions,
      github: GitHubClient(
        apiURL: github.apiURL, organization: github.organization, credentials: github.credentials,
        http: http, now: now),
      database: database, auditFile: AuditFile(path: auditLogPath), logger: logger, actor: actor,
      now: now)
  }
}
