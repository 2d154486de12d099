import Foundation
import Runners
import TestSupport
import Testing

@testable import Storage

/// A write-ahead log while somebody reads and does not end.
@Suite struct CheckpointTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  private var notePath: String { log.path + ".maintenance.lock" }

  private func note(_ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: notePath), options: [])
  }

  private func failures() throws -> Int {
    CheckpointBackoff(try String(contentsOfFile: notePath, encoding: .utf8)).failures
  }

  private func worker() throws -> Storage.Database {
    try Storage.Database(path: log.path) { [clock = log.clock] in Timestamp(clock.date) }
  }

  private static var now: Int64 {
    Int64(CheckpointBackoff.Moment.now.sinceStart / .milliseconds(1))
  }

  /// Calls `body` while a reader stays, and the log is so large that a worker waits for it.
  private func whileSomebodyReads(_ body: () throws -> Void) throws {
    let reader = try worker()
    let hasBegun = DispatchSemaphore(value: 0)
    let mayEnd = DispatchSemaphore(value: 0)
    let hasEnded = DispatchSemaphore(value: 0)
    Thread {
      try? reader.read { transaction in
        _ = try? transaction.auditLog.head()
        hasBegun.signal()
        mayEnd.wait()
      }
      hasEnded.signal()
    }.start()
    hasBegun.wait()
    defer {
      mayEnd.signal()
      hasEnded.wait()
    }
    try note("10 \(Self.now)")
    let filler = String(repeating: "x", count: 1 << 20)
    try log.database.write { transaction in
      for _ in 0..<20 {
        _ = try transaction.auditLog.append(AuditEvent(.refresh, actor: .init(userAgent: filler)))
      }
    }
    #expect(log.database.logSize > Checkpoint.threshold)
    try body()
  }

  private func expectCopiedBack() throws {
    let worker = try worker()
    #expect(try worker.checkpointIfDue() == nil)
    #expect(try failures() == 0)
    #expect(worker.logSize == 0)
  }

  @Test func `where one process has waited in vain another does not wait at once`() throws {
    try whileSomebodyReads {
      let blocked = try worker().checkpointIfDue()
      #expect(blocked == nil)
      #expect(try failures() == 10)
    }
    try expectCopiedBack()
  }

  @Test func `a reader is waited for again later, and that it is in the way is told`() throws {
    try whileSomebodyReads {
      try note("10 0")
      let blocked = try #require(try worker().checkpointIfDue())
      #expect(blocked.cause == "a reader stands in the way")
      #expect(blocked.logSize > Checkpoint.threshold)
      #expect(try failures() == 11)
    }
    try expectCopiedBack()
  }

  @Test(arguments: [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1000, 60)])
  func `each failure doubles the time to the next wait, up to a minute`(
    failures: Int, seconds: Int
  ) {
    func moment(_ milliseconds: Int) -> CheckpointBackoff.Moment {
      CheckpointBackoff.Moment(sinceStart: .seconds(500) + .milliseconds(milliseconds))
    }
    let backoff = CheckpointBackoff("\(failures) 500000")
    #expect(backoff.failures == failures)
    #expect(!backoff.mayWait(at: moment(0)))
    #expect(!backoff.mayWait(at: moment(1000 * seconds - 1)))
    #expect(backoff.mayWait(at: moment(1000 * seconds)))
    #expect(CheckpointBackoff(backoff.text) == backoff)
    #expect(backoff.failed(at: moment(0)).failures == min(failures + 1, 1000))
  }

  @Test(arguments: ["", "0 0", "1", "-1 5", "1 -5", "1001 5", "x y", "1 900000"])
  func `a note that means nothing, or is of before the machine's start, keeps nobody from waiting`(
    note: String
  ) {
    #expect(CheckpointBackoff(note).mayWait(at: .init(sinceStart: .seconds(500))))
  }
}
