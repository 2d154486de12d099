import Foundation
import Runners
import Storage
import TestSupport
import Testing

@Suite struct WebhookDeliveryStoreTests {
  let directory: TemporaryDirectory
  let clock = FakeClock()
  let database: Database

  init() throws {
    directory = try TemporaryDirectory()
    let clock = clock
    let path = directory.file("service.db")
    try Database.migrate(path: path, now: Timestamp(clock.date))
    database = try Database(path: path) { Timestamp(clock.date) }
  }

  private func delivery(
    subject: Int64 = 1, runner: String? = "r"
  ) throws -> ProcessedDelivery {
    ProcessedDelivery(
      id: try #require(DeliveryID(UUID().uuidString)), event: "workflow_job",
      action: "completed", subject: subject, runnerID: runner,
      happenedAt: Timestamp(milliseconds: 1_795_000_000_000))
  }

  @Test func `a delivery is noted once and found by its runner and its subject`() throws {
    let (known, other) = (try delivery(), try delivery(subject: 2, runner: nil))
    try database.write { transaction in
      try transaction.webhookDeliveries.insert(known)
      try transaction.webhookDeliveries.insert(other)
    }
    try database.read { transaction throws in
      let deliveries = transaction.webhookDeliveries
      #expect(try deliveries.contains(known.id))
      #expect(try !deliveries.contains(delivery().id))
      #expect(try deliveries.history(ofRunner: "r") == [known])
      #expect(try deliveries.history(ofEvent: "workflow_job", about: 2) == [other])
      #expect(try deliveries.history(ofEvent: "installation", about: 2).isEmpty)
    }
    #expect(throws: StorageError.self) {
      try database.write { try $0.webhookDeliveries.insert(known) }
    }
  }

  @Test func `what was asked of GitHub is counted by delivery`() throws {
    let id = try delivery().id
    try database.write { transaction in
      for attempt in [1, 1, 2] as [Int64] {
        try transaction.webhookDeliveries.insertRequest(attempt: attempt, of: id)
      }
    }
    try database.read { transaction throws in
      #expect(try transaction.webhookDeliveries.requests(of: id) == 2)
      #expect(try transaction.webhookDeliveries.isRequested(attempt: 2))
      #expect(try !transaction.webhookDeliveries.isRequested(attempt: 3))
    }
  }

  @Test func `deliveries are forgotten after thirty days`() throws {
    let old = try delivery()
    try database.write { transaction in
      try transaction.webhookDeliveries.insert(old)
      try transaction.webhookDeliveries.insertRequest(attempt: 1, of: old.id)
    }
    for (days, isKnown) in [(29.0, true), (2.0, false)] {
      clock.advance(by: days * 86_400)
      let new = try delivery()
      try database.write { try $0.webhookDeliveries.insert(new) }
      try database.read { transaction throws in
        #expect(try transaction.webhookDeliveries.contains(old.id) == isKnown)
        #expect(try transaction.webhookDeliveries.isRequested(attempt: 1) == isKnown)
      }
    }
  }
}
