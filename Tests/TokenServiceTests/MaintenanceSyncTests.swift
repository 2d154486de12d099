import Concurrency
import Foundation
import GitHub
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import Maintenance
@testable import TokenService
@testable import github_simulator

/// A full sync: what GitHub shows is what is known here, and nothing is concluded from less than all of it.
@Suite struct MaintenanceSyncTests {
  @Test func `a runner that came is active and then verified, and the record names the sync`()
    throws
  {
    let world = try World()
    try world.register()
    let report = try world.sync()
    #expect(report.changes.count == 1)
    let runner = try world.runner("ci-1")
    #expect(runner.status == .active)
    #expect(runner.removal == nil)
    let change = try #require(try world.auditLines("status_change").first)
    #expect(change["event_data"]?.object?["sync"]?.integer == 1)
    #expect(change["event_data"]?.object?["github_request_id"]?.string != nil)
    // Group and kind are not in the list.
    #expect(runner.verifiedAt == nil)
    try world.maintenance().verifyNewRunners()
    #expect(try world.runner("ci-1").verifiedAt != nil)
    let verified = try #require(try world.auditLines("label_verification").first)
    #expect(verified["success"]?.bool == true)
    #expect(try world.auditLines("sync").count == 1)
  }

  @Test func `a repeat without changes writes nothing but its summary`() throws {
    let world = try World()
    try world.register()
    try world.sync()
    let before = try world.auditEvents()
    let report = try world.sync()
    #expect(report.changes.isEmpty)
    #expect(report.unchangedPages == report.pages)
    #expect(world.simulator.state.withLock { $0.notModified } == report.pages)
    #expect(try world.auditEvents() == before + ["sync"])
  }

  @Test func `a runner that GitHub does not know by its id is deleted`() throws {
    let world = try World()
    try world.register()
    try world.sync()
    try world.control("DELETE", "/runners/ci-1")
    try world.sync()
    #expect(try world.runner("ci-1").deletionReason == .goneAtGitHub)
  }

  @Test func `a runner that only the list lacks stays`() throws {
    let world = try World()
    try world.register()
    try world.sync()
    try world.control(
      "POST", "/faults",
      #"{"path_contains":"runners?per_page","status":200,"body":"{\"total_count\":0,\"runners\":[]}"}"#
    )
    try world.sync()
    #expect(try world.runner("ci-1").status == .active)
  }

  @Test func `beyond a hundred looks it takes two complete lists in a row`() throws {
    let world = try World()
    let now = Timestamp(world.clock.date)
    try world.database.write { transaction in
      for number in 0..<103 {
        try transaction.runners.insert(
          Self.row("gone-\(100 + number)", githubID: Int64(number + 1), at: now))
      }
    }
    #expect(try world.sync().changes.count == 100)
    #expect(world.calls("/actions/runners/") == 100)
    #expect(try world.sync().changes.count == 3)
    // The second time nobody was asked.
    #expect(world.calls("/actions/runners/") == 100)
    #expect(try world.runner("gone-202").deletionReason == .goneAtGitHub)
  }

  @Test func `a sync that fails on a late page changes nothing`() throws {
    let world = try World()
    try world.register()
    try world.control("POST", "/runners/many", #"{"count":300}"#)
    world.fail("page=3", .timedOut)
    #expect(throws: (any Error).self) { try world.sync() }
    #expect(try world.runner("ci-1").status == .pending)
    #expect(try world.auditLines("sync").isEmpty)
    #expect(try world.securityEvents(.unmanagedRunner).isEmpty)
    let page = try world.database.read {
      try $0.runnerPages.page(
        url: world.service.github.firstRunnerPageURL, organization: "demo-org")
    }
    #expect(page == nil)

    world.heal()
    try world.sync()
    #expect(try world.runner("ci-1").status == .active)
  }

  @Test func `an unused token's runner is given up when the token has expired`() throws {
    let world = try World()
    _ = try world.provision()
    try world.sync()
    #expect(try world.runner("ci-1").status == .pending)
    world.clock.advance(by: 3700)
    try world.sync()
    #expect(try world.runner("ci-1").deletionReason == .neverRegistered)
  }

  @Test func `what changed here while the list was read is left for the next sync`() throws {
    let world = try World()
    try world.register()
    try world.sync()
    try world.control("POST", "/runners/ci-1/status", #"{"status":"offline"}"#)
    // Just before GitHub answers with the list, a refresh finds the runner busy.
    world.onCall("runners?per_page") {
      try? world.database.write { transaction in
        var runner = try #require(
          try transaction.runners.allLive(organization: "demo-org").first)
        runner.busy = true
        runner.updatedAt = transaction.now
        try transaction.runners.update(runner)
      }
    }
    #expect(try world.sync().changes.isEmpty)
    #expect(try world.sync().changes.count == 1)
    #expect(try world.runner("ci-1").status == .offline)
  }

  @Test func `a dry run says what would change and changes nothing`() throws {
    let world = try World()
    try world.register()
    let before = try world.auditEvents()
    #expect(try world.sync(isDryRun: true).changes.count == 1)
    #expect(try world.runner("ci-1").status == .pending)
    #expect(try world.auditEvents() == before)
    #expect(try world.sync().number == 1)
  }

  @Test func `a sync that cannot be audited changes nothing`() throws {
    let world = try World()
    try world.register()
    let path = world.directory.file("audit.jsonl")
    try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: StorageError.self) { try world.sync() }
    #expect(try world.runner("ci-1").status == .pending)
    let syncs = try world.database.read {
      try $0.installations.installation(id: 67890).lastSync
    }
    #expect(syncs == 0)
  }

  // MARK: - When not to ask

  @Test func `the last tenth of the rate limit is left to others`() throws {
    let world = try World()
    let maintenance = world.maintenance()
    try world.control("POST", "/rate-limit", #"{"remaining":400,"reset_in":600}"#)
    // Provisioning goes on, and what GitHub answered there is known to all.
    try world.register()
    let calls = world.calls("/actions/runners")
    guard case .paused(_, let retryAfter) = try maintenance.sync() else {
      Issue.record("the sync went on")
      return
    }
    #expect(retryAfter == 600)
    #expect(world.calls("/actions/runners") == calls)
    world.clock.advance(by: 601)
    #expect(try world.sync(maintenance).number == 1)
  }

  @Test func `a suspended installation is noted once, and asked about until it is back`() throws {
    let world = try World()
    try world.register()
    try world.control("POST", "/installation", #"{"suspended":true}"#)
    #expect(throws: (any Error).self) { try world.sync() }
    let lists = world.calls("runners?per_page")
    for _ in 0..<2 {
      #expect(throws: World.Unexpected.self) { try world.sync() }
    }
    #expect(world.calls("runners?per_page") == lists)
    #expect(try world.auditLines("installation_change").count == 1)
    #expect(try world.runner("ci-1").status == .pending)

    try world.control("POST", "/installation", #"{"suspended":false}"#)
    try world.sync()
    #expect(try world.auditLines("installation_change").count == 2)
    #expect(try world.runner("ci-1").status == .active)
  }

  static func row(
    _ name: String, githubID: Int64?, at time: Timestamp, status: RunnerStatus = .active,
    provisioning: Provisioning = .registrationToken, pendingFor seconds: Int = 3600
  ) throws -> Runners.Runner {
    Runner(
      id: "id-\(name)", name: try #require(RunnerName(name)), organization: "demo-org",
      status: status, busy: false, githubRunnerID: githubID, runnerGroupID: 1,
      labels: ["gpu"].compactMap(Label.init), ephemeral: false, disableUpdate: false,
      provisioning: provisioning,
      owner: Principal(
        issuer: World.baseURL + "/oidc", subject: "alice", identity: "alice@example.com",
        isAdmin: false),
      isIssued: githubID != nil, pendingUntil: time.adding(seconds: seconds), createdAt: time,
      updatedAt: time, registeredAt: nil, deletedAt: nil, deletionReason: nil)
  }
}
