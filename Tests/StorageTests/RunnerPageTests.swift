import Foundation
import Runners
import TestSupport
import Testing

@testable import Storage

/// What is on a page of runners; `HistoryTests` has what it costs.
@Suite struct RunnerPageTests {
  let directory: TemporaryDirectory
  let database: Storage.Database

  init() throws {
    directory = try TemporaryDirectory()
    let path = directory.file("test.db")
    let now = Timestamp(milliseconds: 1_800_000_000_000)
    try Storage.Database.migrate(path: path, now: now)
    database = try Storage.Database(path: path) { now }
  }

  @Test func `runners of one time are listed by their ids, an owner's as everybody's`() throws {
    let created = Timestamp(milliseconds: 1_800_000_000_000)
    try database.write { transaction in
      for id in ["c", "a", "d", "b"] {
        try transaction.runners.insert(
          Runner(
            id: id, name: try #require(RunnerName("ci-\(id)")), organization: "demo-org",
            status: .pending, busy: false, githubRunnerID: nil, runnerGroupID: 1,
            labels: ["GPU", "a.b_c-9"].compactMap(Label.init), ephemeral: true,
            disableUpdate: false, provisioning: .registrationToken, owner: .alice,
            isIssued: false, pendingUntil: created, createdAt: created, updatedAt: created,
            registeredAt: nil, deletedAt: nil, deletionReason: nil))
      }
    }
    for owner in [.alice, nil] as [Principal?] {
      let page = try database.read {
        try $0.runners.page(
          of: owner, organization: "demo-org", matching: RunnerFilter(limit: 2, offset: 1))
      }
      #expect(page.runners.map(\.id) == ["b", "c"])
      #expect(page.runners.first?.labels.map(\.description) == ["GPU", "a.b_c-9"])
    }
  }
}
