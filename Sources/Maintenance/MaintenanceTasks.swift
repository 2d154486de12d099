public import Concurrency
import Dispatch
import Foundation
import GitHub
import Logging
import Runners
import Storage

extension Maintenance {
  /// Something that is done again and again, on a thread of its own, so that none waits for another.
  struct Task: Sendable {
    let name: String
    /// Seconds from the end of one run to the next.
    let interval: Int
    /// How many seconds one run may take before it counts as stuck. Much longer than any that goes on takes: a request to
    /// GitHub ends within seconds, but a sync may make hundreds.
    var limit = 3600
    /// Returns in how many seconds to run again at the earliest, if not after `interval`.
    let run: @Sendable () throws -> Int?
  }

  /// Does all of its work until `stop` says so, and returns when what was under way has ended.
  /// - Parameters:
  ///   - stop: is looked at between two runs of a task.
  ///   - timedWork: has each run of a task, for whoever wants to know of one that is stuck.
  public func run(until stop: StopSignal, as timedWork: TimedWork = TimedWork()) {
    let group = DispatchGroup()
    for task in tasks {
      group.enter()
      let thread = Thread {
        self.run(task, until: stop, as: timedWork)
        group.leave()
      }
      thread.name = task.name
      thread.stackSize = 1 << 20
      thread.start()
    }
    group.wait()
  }

  private var tasks: [Task] {
    let loggedHead = Locked<LoggedHead?>(nil)
    let blockedLogTold = Locked<ContinuousClock.Instant?>(nil)
    return [
      Task(name: "sync", interval: options.syncInterval, run: syncAndReport),
      Task(name: "upkeep", interval: 20, run: upkeep),
      Task(name: "cleanup", interval: 600) {
        try cleanUpStaleRunners()
        try removeOldApprovals()
        return nil
      },
      Task(name: "redelivery", interval: 300) {
        try redeliverFailed()
        return nil
      },
      Task(name: "audit_log", interval: 60) {
        // Where the file cannot be written the head must be in the journal all the same.
        let last = loggedHead.withLock { $0 }
        let head = try logHead(unlessSince: last)
        loggedHead.withLock { $0 = head }
        try catchUpMirror()
        return nil
      },
      Task(name: "checkpoint", interval: 1, limit: 600) {
        let told = try checkpoint(told: blockedLogTold.withLock { $0 })
        blockedLogTold.withLock { $0 = told }
        return nil
      },
    ]
  }

  private func run(_ task: Task, until stop: StopSignal, as timedWork: TimedWork) {
    var failures = 0
    var isPaused = false
    var delay = 0
    while !stop.wait(until: .now + .seconds(delay)) {
      do {
        let wanted = try timedWork.run(task.name, within: .seconds(task.limit)) { try task.run() }
        failures = 0
        isPaused = false
        delay = wanted ?? task.interval
      } catch let paused as Paused {
        delay = task.interval
        // Once, not each time.
        if !isPaused {
          logger.info("a task waits", metadata: ["task": "\(task.name)", "cause": "\(paused)"])
        }
        isPaused = true
      } catch {
        failures += 1
        delay = max(
          Backoff.delay(afterFailures: failures, interval: task.interval),
          Backoff.wait(asToldBy: retryAfter(error)))
        guard !stop.isSet else { return }
        logger.error(
          "a task failed",
          metadata: [
            "task": "\(task.name)", "cause": "\(error)", "failures": "\(failures)",
            "retry_in_seconds": "\(delay)",
          ])
      }
    }
  }

  private func retryAfter(_ error: any Error) -> Int? {
    guard case .rateLimited(let seconds)? = error as? GitHubError else { return nil }
    return seconds
  }

  // MARK: - The tasks

  private func syncAndReport() throws -> Int? {
    let start = ContinuousClock.now
    switch try sync() {
    case .paused(let reason, let retryAfter):
      logger.info("no sync now", metadata: ["cause": "\(reason)"])
      return max(Backoff.wait(asToldBy: retryAfter), min(options.syncInterval, 300))
    case .done(let report):
      let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
      logger.info(
        "synced",
        metadata: [
          "sync": "\(report.number)", "pages": "\(report.pages)",
          "unchanged_pages": "\(report.unchangedPages)", "requests": "\(report.requests)",
          "runners": "\(report.runners)", "complete": "\(report.isComplete)",
          "changes": "\(report.changes.count)", "unmanaged": "\(report.unmanaged.count)",
          "duration_ms": "\(Int(milliseconds))",
        ])
      if report.changes.contains(where: { $0.violation != nil }) { try removeMarkedRunners() }
      return nil
    }
  }

  /// What must not wait for the next sync. Each part is tried though another fails; the first failure is thrown.
  func upkeep() throws -> Int? {
    var failure: (any Error)?
    for part in [
      releaseExpiredReservations, verifyNewRunners, removeMarkedRunners, removeUnmanagedRunners,
    ] {
      do { try part() } catch { failure = failure ?? error }
    }
    guard let failure else { return nil }
    try reconsiderInstallation(after: failure)
    throw failure
  }
}
