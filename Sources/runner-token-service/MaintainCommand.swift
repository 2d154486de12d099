import ArgumentParser
import Concurrency
import FastCGI
import Foundation
import Glibc
import HTTPClient
import Logging
import Maintenance
import Runners
import Storage
import Systemd
import TokenService

/// `maintain`: keeps what is known here and what is so at GitHub together, until it is told to stop.
struct MaintainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "maintain",
    abstract: "Keep the database true: sync with GitHub, verify labels, clean up.",
    discussion: """
      Runs beside the workers, one for each database; a second one waits, and takes over when the first has ended. \
      SYNC_INTERVAL_SECONDS, CLEANUP_STALE_RUNNERS_HOURS and UNMANAGED_RUNNERS say how.

      SIGTERM ends it within five seconds.

      Example:
        runner-token-service maintain --env-file service.env
      """)

  /// How long what is under way has to end once it is time to stop. No request waits for longer than a second then, and
  /// whatever is cut off is a transaction that was not committed.
  private static let patience: Duration = .seconds(4)

  @OptionGroup var configuration: ConfigurationOptions

  func run() throws {
    // First of all: a signal must find every thread with it blocked.
    WorkerPool.blockSignals()
    let settings = try configuration.settings()
    let logger = settings.logger
    for warning in settings.warnings { logger.warning("\(warning)") }
    let supervision: Supervision
    let database: Database
    do {
      supervision = try Supervision(logger: logger)
      database = try ServiceState.database(at: settings.databasePath)
      try AuditFile(path: settings.auditLogPath).checkWritable()
    } catch {
      Diagnostic.print("The maintenance process cannot start: \(error)")
      throw ExitCode.failure
    }

    let stop = StopSignal()
    let end = StopSignal()
    let work = TimedWork()
    let isAtWork = Locked(false)
    let maintenance = settings.maintenance(
      of: database, by: .maintenance, logger: logger, http: .curl { stop.isSet })
    Thread {
      Self.waitForTurn(database, logger, stop)
      if !stop.isSet {
        isAtWork.withLock { $0 = true }
        logger.info("started", metadata: ["version": "\(Version.current)"])
        maintenance.run(until: stop, as: work)
      }
      end.set()
    }.start()

    supervision.ready("Started")
    WorkerPool.waitForTermination(every: supervision.interval) {
      supervision.report(
        isAtWork.withLock { $0 } ? work.health : .well("Waiting for another maintenance process"))
    }
    supervision.stopping("Ending what is under way")
    stop.set()
    if end.wait(until: .now + Self.patience) {
      logger.info("stopped")
    } else {
      logger.warning("stopped in the middle of a task")
    }
    // Not `exit`: a thread may still be at work, and must not see the process torn down.
    _exit(0)
  }

  /// Returns once this process is the one that maintains the database, or is to stop.
  private static func waitForTurn(_ database: Database, _ logger: Logger, _ stop: StopSignal) {
    guard !database.becomeMaintainer() else { return }
    logger.info("waiting: another maintenance process is at work")
    while !stop.wait(until: .now + .seconds(1)) {
      if database.becomeMaintainer() { return }
    }
  }
}
