import ArgumentParser
import FastCGI
import Foundation
import GitHub
import HTTPClient
import Logging
import OIDC
import Runners
import Storage
import Systemd
import TokenService

/// `worker`: answers requests until it is told to stop.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Answer FastCGI requests from the web server.",
    discussion: """
      Accepts connections from the listening socket on standard input, which any number of workers \
      may share (systemd: StandardInput=socket; otherwise spawn-fcgi), or from a socket of its own.

      SIGTERM ends it once the requests in flight are answered. SIGHUP makes it open the audit log's file anew, which it \
      also does by itself when the file was moved away.

      Example:
        runner-token-service worker --env-file service.env \\
          --listen /run/runner-token-service.sock
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(
    help: ArgumentHelp(
      "Make a unix socket here and listen on it, for one worker alone.", valueName: "path"))
  var listen: String?

  func validate() throws {
    // An empty path would be a socket that anybody may connect to.
    if listen?.isEmpty == true { throw ValidationError("--listen needs a path.") }
  }

  func run() throws {
    // First of all: a signal must find every thread with it blocked.
    WorkerPool.blockSignals()
    let settings = try configuration.settings()
    let logger = settings.logger
    for warning in settings.warnings { logger.warning("\(warning)") }

    let auditFile = AuditFile(path: settings.auditLogPath)
    let pool: WorkerPool
    let supervision: Supervision
    do {
      supervision = try Supervision(logger: logger)
      let database = try ServiceState.database(at: settings.databasePath)
      // The socket last: where anything else is missing, none is left behind.
      let service = try Self.service(settings, database, auditFile, logger)
      let listener =
        if let listen { try ListenSocket.bound(to: listen) } else {
          try ListenSocket.standardInput()
        }
      var options = WorkerPool.Options()
      options.threads = settings.workerThreads
      options.bodyLimit = service.bodyLimit
      pool = try WorkerPool(
        listener: listener, options: options, handler: service)
    } catch {
      Diagnostic.print("The worker cannot start: \(error)")
      throw ExitCode.failure
    }
    try pool.start()
    logger.info(
      "started",
      metadata: ["version": "\(Version.current)", "threads": "\(settings.workerThreads)"])
    supervision.ready(pool.vitals().summary)
    WorkerPool.waitForTermination(onHangUp: auditFile.reopen, every: supervision.interval) {
      supervision.report(pool.vitals().health)
    }
    supervision.stopping("Finishing the requests in flight")
    let outcome = pool.drain()
    switch outcome {
    case .drained:
      logger.info("stopped")
    case .abandoned(let requests):
      logger.error("stopped with requests unanswered", metadata: ["requests": "\(requests)"])
    }
    // Not `exit`: threads may still be at work on what was abandoned, and must not see the process torn down.
    _exit(outcome.isClean ? 0 : 1)
  }

  private static func service(
    _ settings: Settings, _ database: Database, _ auditFile: AuditFile, _ logger: Logger
  ) throws -> Service {
    let http = HTTPClient.curl()
    let tokenValidator = try settings.tokenValidator(http: http)
    tokenValidator?.keepKeysFresh { provider, reason in
      logger.warning(
        "the keys of an identity provider cannot be fetched",
        metadata: ["provider": "\(provider)", "cause": "\(reason)"])
    } recovered: { provider in
      logger.info(
        "the keys of an identity provider are fetched again",
        metadata: ["provider": "\(provider)"])
    }
    return Service(
      settings: settings, tokenValidator: tokenValidator,
      github: settings.github.client(http: http, maximumWaiters: settings.maximumGitHubWaiters),
      database: database, auditFile: auditFile, logger: logger, now: { Date() })
  }
}

extension WorkerPool.Outcome {
  /// Whether every request was answered.
  fileprivate var isClean: Bool {
    guard case .drained = self else { return false }
    return true
  }
}
