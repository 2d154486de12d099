import ArgumentParser
import Foundation
import Maintenance
import Runners
import Storage
import TokenService

/// `sync-github`: one sync, now.
struct SyncCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sync-github",
    abstract: "Read GitHub's list of runners and bring the database up to date.",
    discussion: """
      What the maintenance process does by itself every SYNC_INTERVAL_SECONDS; for servers where none runs. Prints what \
      changed. Audited as cli: and the name of the unix user. Run it with sudo: it becomes the \
      user that the workers run as.

      Ends with status 0, 1 if GitHub or the database failed, a maintenance process is at work or GitHub's rate limit \
      must be kept, 78 if the configuration cannot be used.

      Example:
        runner-token-service sync-github --dry-run --env-file service.env
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Flag(help: "Say what would change, and change nothing. Beside a maintenance process too.")
  var dryRun = false

  func run() throws {
    let settings = try configuration.settings()
    try ServiceState.run(settings.local) { state in
      guard dryRun || state.database.becomeMaintainer() else {
        Diagnostic.print(
          """
          A maintenance process is at work: it syncs every \(settings.syncIntervalSeconds) seconds. \
          Stop it first, or use --dry-run to see what a sync would change.
          """)
        throw ExitCode.failure
      }
      let maintenance = settings.maintenance(
        of: state.database, by: ServiceState.actor, logger: settings.logger)
      try MaintenanceFailure.reported {
        switch try maintenance.sync(isDryRun: dryRun) {
        case .done(let report):
          show(report)
          if !dryRun, report.changes.contains(where: { $0.violation != nil }) {
            try maintenance.removeAllMarkedRunners()
          }
        case .paused(let reason, let retryAfter):
          let hint = retryAfter.map { " Try again in \($0) seconds." } ?? ""
          Diagnostic.print("No sync now: \(reason).\(hint)")
          throw ExitCode.failure
        }
      }
    }
  }

  private func show(_ report: SyncReport) {
    let rows = report.changes.map(cells) + report.unmanaged.map(cells)
    if !rows.isEmpty {
      let table = Table(["RUNNER", "OWNER", "WAS", "IS", "NOTE"], maximumWidth: 48, for: rows)
      print(table.header)
      for row in rows { print(table.line(row)) }
    }
    let completeness =
      report.isComplete ? "" : " The list changed while it was read: the next sync completes it."
    print(
      "\(report.runners) runners at GitHub, \(rows.count) changes, \(report.requests) requests.\(completeness)"
    )
    if dryRun { print("Nothing was changed.") }
  }

  private func cells(_ change: SyncPlan.Change) -> [String] {
    let note: String
    if let violation = change.violation {
      let extra = violation.extraLabels.map { "+" + $0 }
      let missing = violation.missingLabels.map { "-" + $0 }
      note = "not as granted: " + (extra + missing).joined(separator: " ")
    } else {
      note = change.after.deletionReason?.rawValue ?? (change.after.busy ? "busy" : "")
    }
    return [
      change.after.name.description, change.after.owner.identity, change.before.status.rawValue,
      change.after.status.rawValue, note,
    ]
  }

  private func cells(_ runner: ListedRunner) -> [String] {
    [runner.name, "-", "-", runner.isOnline ? "active" : "offline", "unmanaged"]
  }
}
