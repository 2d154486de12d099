import Concurrency
import FastCGI
import Foundation
import Glibc
import Logging
import Systemd

extension Supervision {
  /// By systemd, if it started this process.
  convenience init(logger: Logger) throws(NotificationSocket.Failure) {
    try self.init(environment: ProcessInfo.processInfo.environment, processID: getpid()) {
      logger.error("\($0)")
    }
  }
}

extension WorkerPool.Vitals {
  /// A pool is well however many of its threads are busy, as long as each comes to an end.
  var health: Health {
    if stuck > 0 { return .stuck("\(stuck) of \(threads) threads do not come to an end") }
    if lost > 0 { return .stuck("\(lost) of \(threads) threads have ended") }
    return .well(summary)
  }

  var summary: String { "Serving; \(busy) of \(threads) threads at work" }
}

extension TimedWork {
  var health: Health {
    let overdue = overdue()
    guard overdue.isEmpty else { return .stuck(overdue.joined(separator: ", ")) }
    let underWay = underWay
    return .well(
      "Maintaining" + (underWay.isEmpty ? "" : "; now: ") + underWay.joined(separator: ", "))
  }
}
