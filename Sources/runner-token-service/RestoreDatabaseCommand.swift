import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `restore-db`: a backup in the database's place.
struct RestoreDatabaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore-db",
    abstract: "Put a backup in the database's place.",
    discussion: """
      Only while nobody has the database open: stop the workers and the maintenance process first. The backup must be sound, \
      of this version's schema or an older one, and its audit log whole. The old database and audit.jsonl stay beside the new \
      ones under names with the time.

      Whatever happened after the backup is no longer known then. Run sync-github afterwards, before the workers start: \
      runners that were provisioned since are at GitHub, and this service no longer knows whose they are.

      Ends with status 0, 1 if nothing was restored, 78 if the configuration cannot be used.

      Example:
        systemctl stop runner-token-service.target
        runner-token-service restore-db --env-file service.env \\
          /var/backups/runner-token-service/runner_service-20260131T120000Z.db
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Argument(help: ArgumentHelp("The backup, as backup-db wrote it.", valueName: "file"))
  var backup: String

  @Option(
    help: ArgumentHelp(
      "A hash that was noted earlier: the backup's audit log must have it.", valueName: "hash"))
  var head: String?

  @Flag(help: "Prove the backup, say what would be lost, and change nothing. Beside workers too.")
  var dryRun = false

  func validate() throws {
    if backup.isEmpty { throw ValidationError("The path of the backup is empty.") }
    if let head, head.wholeMatch(of: /[0-9a-f]{64}/) == nil {
      throw ValidationError("--head needs a hash of 64 lower-case hex digits.")
    }
  }

  func run() throws {
    let settings = try configuration.localSettings()
    do {
      try DatabaseOwner.become(ofDatabaseAt: settings.databasePath)
      try restore(settings)
    } catch let fault as AuditFault {
      try refuse("The backup's audit log is not what was written: \(fault)")
    } catch let code as ExitCode {
      throw code
    } catch {
      try refuse("\(error)")
    }
  }

  private func refuse(_ reason: String) throws -> Never {
    Diagnostic.print("Nothing was restored: \(reason.visible)")
    throw ExitCode.failure
  }

  private func restore(_ settings: LocalSettings) throws {
    let progress = Progress("Verifying")
    let restoration = try DatabaseRestoration(
      of: backup, toDatabaseAt: settings.databasePath, head: head, isDryRun: dryRun,
      now: Timestamp(Date())
    ) { progress.show($0, of: $1) }
    progress.clear()
    let log = restoration.log
    print("The backup is sound. Its audit log ends with record \(log.head.id), \(log.head.hash).")
    if !restoration.migrations.isEmpty {
      print("It is of an older version: \(restoration.migrations.joined(separator: ", ")) applied.")
    }
    for line in Self.loss(restoration.former) { print(line) }
    guard !dryRun else {
      print("Nothing was changed.")
      return
    }
    // Whoever presses Ctrl-C too late is to see that it was.
    try Interruption.postponed {
      let outcome = try restoration.place(
        auditedIn: AuditFile(path: settings.auditLogPath), by: ServiceState.actor)
      for path in outcome.setAside { print("Set aside: \(path)") }
      print(
        "Restored. Its audit log now ends with record \(outcome.head.id), \(outcome.head.hash).")
      print("Now run `runner-token-service sync-github`, and then start the service.")
      // Standard output is a file or a pipe where it is not a terminal, and holds lines back.
      fflush(nil)
    }
  }

  /// What goes with the old database.
  private static func loss(_ former: DatabaseRestoration.Former) -> [String] {
    switch former {
    case .absent:
      return ["There is no database to replace."]
    case .unreadable(let reason):
      return ["What is lost with the old database cannot be told: \(reason.visible)"]
    case .readable(let head, let newer, let continues):
      let first =
        "The old database's audit log ends with record \(head.id), \(head.hash): "
        + (newer == 0
          ? "nothing in it is newer than the backup."
          : "\(newer) records are newer than the backup, and lost with whatever they tell of.")
      guard continues == false else { return [first] }
      return [
        first, "It is another log than the backup's: they differ at the backup's last record.",
      ]
    }
  }
}
