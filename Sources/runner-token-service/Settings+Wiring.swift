import Foundation
import GitHub
import HTTPClient
import Logging
import Maintenance
import Runners
import Storage
import TokenService

extension Settings {
  /// A logger that writes JSON lines to standard error.
  var logger: Logger {
    let level = Logger.Level(rawValue: logLevel.rawValue) ?? .info
    return Logger(label: "runner-token-service") { _ in JSONLogHandler(level: level) }
  }

  private var maintenanceOptions: Maintenance.Options {
    Maintenance.Options(
      organization: github.organization, installationID: github.credentials.installationID,
      syncInterval: syncIntervalSeconds, staleAfterHours: staleRunnerHours,
      unmanagedRunners: unmanagedRunners,
      receivesWebhooks: github.webhookKey != nil)
  }

  /// - Parameters:
  ///   - actor: in whose name the audit log has what is done.
  ///   - http: the way to GitHub.
  func maintenance(
    of database: Database, by actor: AuditEvent.Actor, logger: Logger,
    http: HTTPClient = .curl()
  ) -> Maintenance {
    Maintenance(
      options: maintenanceOptions, github: github.client(http: http), database: database,
      auditFile: AuditFile(path: auditLogPath), logger: logger, actor: actor, now: { Date() })
  }
}

extension Settings.GitHubSettings {
  /// GitHub, as the App sees it.
  /// - Parameters:
  ///   - http: the way there.
  ///   - credentials: instead of the configured ones.
  ///   - maximumWaiters: how many threads may wait for it at a time; nil for any number.
  func client(
    http: HTTPClient, credentials: AppCredentials? = nil, maximumWaiters: Int? = nil
  ) -> GitHubClient {
    GitHubClient(
      apiURL: apiURL, organization: organization, credentials: credentials ?? self.credentials,
      http: http, maximumWaiters: maximumWaiters, now: { Date() })
  }
}
