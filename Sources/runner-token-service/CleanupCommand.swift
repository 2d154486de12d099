import ArgumentParser
import Foundation
import Maintenance
import Runners
import Storage
import TokenService

/// `cleanup-stale-runners`: removes runners that were offline for long, now.
struct CleanupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cleanup-stale-runners",
    abstract: "Remove runners that have been offline for long, at GitHub and here.",
    discussion: """
      What the maintenance process does by itself; may be used beside it. Each runner is looked up at GitHub first. \
      Audited as cli: and the name of the unix user. Run it with sudo: it becomes the user that the workers \
      run as.

      Ends with status 0, 1 if GitHub or the database failed, 64 for hours that are none, 78 if the configuration \
      cannot be used.

      Example:
        runner-token-service cleanup-stale-runners --hours 48 --dry-run \\
          --env-file service.env
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(
    help: ArgumentHelp(
      "Offline for at least so long. By default CLEANUP_STALE_RUNNERS_HOURS.", valueName: "hours"))
  var hours: Int?

  @Flag(help: "Say what would be removed, and remove nothing.")
  var dryRun = false

  func validate() throws {
    if let hours, !(1...87_600).contains(hours) {
      throw ValidationError("--hours: must be a whole number, 1 to 87600")
    }
  }

  func run() throws {
    let settings = try configuration.settings()
    guard hours != nil || settings.staleRunnerHours > 0 else {
      Diagnostic.print("CLEANUP_STALE_RUNNERS_HOURS is 0: give --hours.")
      throw ExitCode.usage
    }
    try ServiceState.run(settings.local) { state in
      let maintenance = settings.maintenance(
        of: state.database, by: ServiceState.actor, logger: settings.logger)
      try MaintenanceFailure.reported {
        let runners = try maintenance.cleanUpStaleRunners(hours: hours, isDryRun: dryRun)
        if !dryRun, !runners.isEmpty { try maintenance.removeAllMarkedRunners() }
        show(runners)
      }
    }
  }

  private func show(_ runners: [Runner]) {
    let rows = runners.map {
      [$0.name.description, $0.owner.identity, $0.updatedAt.description]
    }
    if !rows.isEmpty {
      let table = Table(["RUNNER", "OWNER", "OFFLINE SINCE"], maximumWidth: 48, for: rows)
      print(table.header)
      for row in rows { print(table.line(row)) }
    }
    print("\(rows.count) runners \(dryRun ? "would be removed" : "are stale and removed").")
  }
}
