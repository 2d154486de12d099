import Foundation
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

/// A caller with a few runners must not pay for those that all others have had.
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

  /// How SQLite looks for each thing that a page asks of the table.
  private func plans(of owner: Principal?, _ filter: RunnerFilter) throws -> [String] {
    try database.read { transaction in
      let database = transaction.database
      var queries: [String] = []
      database.trace { event in
        if case .statement(let statement) = event { queries.append(statement.expandedSQL) }
      }
      _ = try transaction.runners.page(of: owner, organization: "demo-org", matching: filter)
      database.trace(nil)
      return try queries.flatMap { query in
        try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + query)
          .map { $0["detail"] as String }.filter { $0.contains(" runners ") }
      }
    }
  }

  @Test(arguments: [
    RunnerFilter(), RunnerFilter(status: .pending), RunnerFilter(status: .deleted),
    RunnerFilter(isLive: true), RunnerFilter(label: Label("gpu")), RunnerFilter(ephemeral: true),
    RunnerFilter(userIdentity: "alice"), RunnerFilter(limit: 1000, offset: 1_000_000),
  ])
  func `an owner's runners are found without a look at those of others`(filter: RunnerFilter) throws
  {
    let plans = try plans(of: .alice, filter)
    #expect(plans.count == 2)
    for plan in plans {
      #expect(plan.contains("(organization=? AND issuer=? AND subject=?"), "\(plan)")
    }
  }

  @Test func `everybody's runners are read in their order, without sorting them all`() throws {
    let plans = try plans(of: nil, RunnerFilter())
    #expect(plans.count == 2)
    #expect(plans.last?.contains("runners_created (organization=?)") == true, "\(plans)")
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
