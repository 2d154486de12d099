import Concurrency
public import Foundation
public import GitHub
public import Logging
public import Runners
public import Storage

/// What keeps the service's knowledge of its runners true: the work of the one maintenance process, a file for each task.
public struct Maintenance: Sendable {
  /// What the configuration says about maintenance.
  public struct Options: Sendable {
    /// The organization whose runners are looked after, by its login.
    public var organization: String
    /// GitHub's id of the App's installation in it.
    public var installationID: Int64
    /// Seconds from one full sync to the next.
    public var syncInterval: Int
    /// How long a runner may be offline before it is removed. In hours; zero: for ever.
    public var staleAfterHours: Int
    /// What becomes of runners at GitHub that nobody provisioned here.
    public var unmanagedRunners: UnmanagedRunners
    /// Whether the App's webhooks are received here.
    public var receivesWebhooks: Bool

    public init(
      organization: String, installationID: Int64, syncInterval: Int = 300,
      staleAfterHours: Int = 24, unmanagedRunners: UnmanagedRunners = .alert,
      receivesWebhooks: Bool = false
    ) {
      self.organization = organization
      self.installationID = installationID
      self.syncInterval = syncInterval
      self.staleAfterHours = staleAfterHours
      self.unmanagedRunners = unmanagedRunners
      self.receivesWebhooks = receivesWebhooks
    }
  }

  let options: Options
  /// In whose name the audit log has what is done.
  let actor: AuditEvent.Actor
  let github: GitHubClient
  let database: Database
  let auditFile: AuditFile
  let logger: Logger
  let now: @Sendable () -> Date
  /// Where the last run of removals ended; nil where it came to the end.
  let lastRemoval = Locked<Runner?>(nil)

  /// - Parameters:
  ///   - options: what the configuration says.
  ///   - github: whom to compare with.
  ///   - database: what is known here.
  ///   - auditFile: the mirror of the audit log; without it nothing is done.
  ///   - logger: for admins; nothing is decided on what it gets.
  ///   - actor: in whose name the audit log has what is done.
  ///   - now: the wall clock.
  public init(
    options: Options, github: GitHubClient, database: Database, auditFile: AuditFile,
    logger: Logger, actor: AuditEvent.Actor = .maintenance, now: @escaping @Sendable () -> Date
  ) {
    self.options = options
    self.actor = actor
    self.github = github
    self.database = database
    self.auditFile = auditFile
    self.logger = logger
    self.now = now
  }

  /// Writes to the database and then to the audit log's file what `body` recorded. Does not begin where that file cannot be
  /// written.
  func audited<Result>(
    _ body: (Transaction, _ record: (AuditEvent) throws -> Void) throws -> Result
  ) throws -> Result {
    try auditFile.checkWritable()
    return try database.write(auditedIn: auditFile, body)
  }
}
