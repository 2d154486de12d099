import Foundation
import TestSupport
import Testing

@testable import Storage

/// Writers of one process, who wait for each other before they wait for other processes.
@Suite struct WriterTurnTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  @Test(arguments: [(patience: Duration.milliseconds(20), isServed: false), (.seconds(600), true)])
  func `a writer whose turn comes too late gives up, though nobody holds the lock any more`(
    patience: Duration, isServed: Bool
  ) throws {
    let database = log.database
    let deadline = ContinuousClock.now + patience
    let hasBegun = DispatchSemaphore(value: 0)
    Thread {
      try? database.write { _ in
        hasBegun.signal()
        while !isServed, ContinuousClock.now < deadline { usleep(1000) }
      }
    }.start()
    hasBegun.wait()
    var hasRun = false
    do {
      try database.write(until: deadline) { _ in hasRun = true }
      #expect(isServed)
    } catch StorageError.databaseUnavailable(let text) {
      #expect(!isServed)
      #expect(text.contains("try again"))
    }
    #expect(hasRun == isServed)
  }
}
