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

/// What happens to runners that are not what was granted, to those that are to go, and to those that are nobody's.
@Suite struct MaintenanceUpkeepTests {
  // MARK: - Label verification

  @Test func `a runner with labels that were not granted is removed and told of`() throws {
    let world = try World()
    try world.register(taken: #"["prod"]"#)
    try world.sync()
    let marked = try world.runner("ci-1")
    #expect(marked.removal?.reason == .policyViolation)
    #expect(marked.verifiedAt == nil)
    let event = try #require(try world.securityEvents(.labelPolicyViolation).first).event
    #expect(event.severity == .high)
    #expect(event.actor.identity == "alice@example.com")
    #expect(event.runnerID == marked.id)
    #expect(event.data["extra_labels"] == .texts(["prod"]))
    #expect(event.data["missing_labels"] == .texts(["gpu"]))
    let record = try #require(try world.auditLines("label_verification").first)
    #expect(record["success"]?.bool == false)

    try world.maintenance().removeMarkedRunners()
    #expect(try !world.githubHas("ci-1"))
    #expect(try world.runner("ci-1").deletionReason == .policyViolation)
    try world.sync()
    #expect(try world.securityEvents(.labelPolicyViolation).count == 1)
    #expect(try world.securityEvents(.unmanagedRunner).isEmpty)
  }

  @Test func `nobody is removed at GitHub while that cannot be audited`() throws {
    let world = try World()
    try world.register(taken: #"["prod"]"#)
    try world.sync()
    let path = world.directory.file("audit.jsonl")
    try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: StorageError.self) { try world.maintenance().removeMarkedRunners() }
    #expect(try world.githubHas("ci-1"))

    try FileManager.default.removeItem(atPath: path)
    try world.maintenance().removeMarkedRunners()
    #expect(try !world.githubHas("ci-1"))
  }

  @Test func `a busy one is tried again until it is gone`() throws {
    let world = try World()
    let maintenance = world.maintenance()
    try world.register(taken: #"["gpu","prod"]"#, members: "")
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    try world.sync(maintenance)
    for _ in 0..<2 {
      _ = try maintenance.upkeep()
      #expect(try world.githubHas("ci-1"))
      #expect(try world.runner("ci-1").status == .active)
    }
    try world.control("POST", "/runners/ci-1/job", #"{"action":"finish"}"#)
    _ = try maintenance.upkeep()
    #expect(try !world.githubHas("ci-1"))
    #expect(try world.runner("ci-1").deletionReason == .policyViolation)
  }

  @Test func `busy ones do not stand in the way of others where a run has a limit`() throws {
    let world = try World()
    let maintenance = world.maintenance()
    for name in ["ci-1", "ci-2", "ci-3"] {
      try world.register(name, taken: #"["gpu","prod"]"#, members: "")
    }
    for name in ["ci-1", "ci-2"] {
      try world.control("POST", "/runners/\(name)/job", #"{"action":"start"}"#)
    }
    try world.sync(maintenance)
    // Wherever the free one stands in the order, each has had its turn after three runs.
    for _ in 0..<3 { try maintenance.removeMarkedRunners(limit: 1) }
    #expect(try !world.githubHas("ci-3"))
    for name in ["ci-1", "ci-2"] {
      #expect(try world.githubHas(name))
      try world.control("POST", "/runners/\(name)/job", #"{"action":"finish"}"#)
    }
    try maintenance.removeMarkedRunners(limit: 1)
    let left = try ["ci-1", "ci-2"].filter { try world.githubHas($0) }
    #expect(left.count == 1)
    try maintenance.removeAllMarkedRunners()
    #expect(try left.allSatisfy { try !world.githubHas($0) })
  }

  @Test func `labels that were replaced after the verification are found by the next sync`() throws
  {
    let world = try World()
    try world.register()
    try world.sync()
    try world.maintenance().verifyNewRunners()
    #expect(try world.runner("ci-1").verifiedAt != nil)
    let token = try #require(
      try world.provision(#"{"runner_name":"ci-2","labels":["gpu"]}"#)
        .object["registration_token"]?.string)
    try world.control(
      "POST", "/runners/register",
      #"{"token":"\#(token)","name":"ci-1","labels":["gpu","prod"],"replace":true}"#)
    try world.sync()
    #expect(try world.runner("ci-1").removal?.reason == .policyViolation)
  }

  @Test func `one that was seen by a refresh is verified before the next sync`() throws {
    let world = try World()
    try world.register()
    _ = world.send("POST", "/api/v1/runners/ci-1/refresh", token: try world.token())
    #expect(try world.runner("ci-1").githubRunnerID != nil)
    #expect(try world.runner("ci-1").verifiedAt == nil)
    try world.maintenance().verifyNewRunners()
    #expect(try world.runner("ci-1").verifiedAt != nil)
    let records = try world.auditLines("label_verification")
    #expect(records.count == 1)
    #expect(
      records[0]["event_data"]?.object?["not_shown"]
        == .array([.string("runner_group_id"), .string("ephemeral")]))
    let calls = world.calls("/actions/runners/")
    try world.maintenance().verifyNewRunners()
    #expect(world.calls("/actions/runners/") == calls)
  }

  @Test func `a list that does not show group and kind leads to one look, and to no more`() throws {
    let world = try World()
    try world.register()
    try world.sync()
    #expect(try world.runner("ci-1").status == .active)
    #expect(try world.runner("ci-1").verifiedAt == nil)
    let id = try #require(try world.runner("ci-1").githubRunnerID)
    for _ in 0..<3 {
      _ = try world.maintenance().upkeep()
      try world.sync()
    }
    #expect(try world.runner("ci-1").verifiedAt != nil)
    #expect(world.calls("/actions/runners/\(id)") == 1)
  }

  // MARK: - What GitHub fails on

  @Test func `one runner that GitHub fails on does not stand in the way of the others`() throws {
    let world = try World()
    for name in ["bad-1", "bad-2"] { try world.register(name, taken: #"["gpu","prod"]"#) }
    try world.register("new")
    try world.sync()
    let id = try #require(try world.runner("bad-1").githubRunnerID)
    world.fail("/actions/runners/\(id)", .timedOut)
    _ = try world.maintenance().upkeep()
    #expect(world.isAtGitHub("bad-1"))
    #expect(!world.isAtGitHub("bad-2"))
    #expect(try world.runner("new").verifiedAt != nil)
    world.heal()
    _ = try world.maintenance().upkeep()
    #expect(!world.isAtGitHub("bad-1"))
  }

  @Test(arguments: [
    // What GitHub answers for each of five runners, for how many it is asked, and whether that ends the run.
    ([GitHubError?.none, nil, nil, nil, nil], 5, false),
    ([.silence, nil, .silence, .silence, nil], 5, false),
    ([nil, .silence, .silence, .silence, nil], 4, true),
    ([.silence, .silence, nil, .silence, .silence], 5, false),
    ([.silence, .notFound, .silence, .silence, .notFound], 5, false),
    ([.notFound, .notFound, .notFound, .notFound, .notFound], 5, false),
    ([nil, .rateLimited(retryAfter: 9), nil, nil, nil], 2, true),
    ([nil, .installationSuspended, nil, nil, nil], 2, true),
    ([nil, .credentialsRejected("x"), nil, nil, nil], 2, true),
  ])
  func `what concerns one runner is passed over, and what concerns all ends the run`(
    answers: [GitHubError?], asked: Int, ends: Bool
  ) throws {
    var count = 0
    var hasEnded = false
    do {
      try World().maintenance().forEach(of: answers) { answer in
        count += 1
        if let answer { throw answer }
      }
    } catch is GitHubError { hasEnded = true }
    #expect(count == asked)
    #expect(hasEnded == ends)
  }

  @Test func `where GitHub says nothing at all the run has failed`() throws {
    let maintenance = try World().maintenance()
    #expect(throws: GitHubError.silence) {
      try maintenance.forEach(of: [1, 2]) { _ in throw GitHubError.silence }
    }
    try maintenance.forEach(of: [Int]()) { _ in throw GitHubError.silence }
  }

  // MARK: - The record

  @Test func `what is removed at GitHub is on record though the row changed meanwhile`() throws {
    let world = try World()
    try world.register(taken: #"["gpu","prod"]"#)
    try world.sync()
    let runner = try world.runner("ci-1")
    let id = try #require(runner.githubRunnerID)
    world.onCall("/actions/runners/\(id)") { [world] in
      // On the look; the removal follows.
      world.onCall("/actions/runners/\(id)") { [world] in
        try? world.database.write { transaction in
          var gone = runner
          gone.delete(for: .requested, at: transaction.now)
          try transaction.runners.update(gone)
        }
      }
    }
    try world.maintenance().removeMarkedRunners()
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.runner("ci-1").deletionReason == .requested)
    let record = try #require(try world.auditLines("deprovision").last?["event_data"]?.object)
    #expect(record["github_runner_id"] == .integer(id))
    #expect(record["was_at_github"] == .bool(true))
  }

  // MARK: - Unmanaged runners

  @Test(arguments: [
    (UnmanagedRunners.ignore, 0, true), (.alert, 2, true), (.delete, 2, false),
  ])
  func `what is nobody's is ignored, told of once, or removed as well`(
    choice: UnmanagedRunners, events: Int, remains: Bool
  ) throws {
    let world = try World()
    let maintenance = world.maintenance(unmanagedRunners: choice)
    try world.register()
    try world.control("POST", "/runners/many", #"{"count":2,"prefix":"stray"}"#)
    for _ in 0..<2 { try world.sync(maintenance) }
    try maintenance.removeUnmanagedRunners()
    // Not yet: somebody's reservation may be behind it.
    #expect(try world.githubHas("stray-00001"))
    #expect(try world.securityEvents(.unmanagedRunner).count == events)
    #expect(try world.auditLines("unmanaged_runner").count == events)

    world.clock.advance(by: 60)
    try maintenance.removeUnmanagedRunners()
    #expect(try world.githubHas("stray-00001") == remains)
    #expect(try world.githubHas("ci-1"))
    try world.sync(maintenance)
    #expect(try world.securityEvents(.unmanagedRunner).count == events)
  }

  @Test func `an unmanaged runner that is busy goes when its job is done`() throws {
    let world = try World()
    let maintenance = world.maintenance(unmanagedRunners: .delete)
    try world.control("POST", "/runners/many", #"{"count":1,"prefix":"stray"}"#)
    try world.control("POST", "/runners/stray-00001/job", #"{"action":"start"}"#)
    try world.sync(maintenance)
    world.clock.advance(by: 61)
    try maintenance.removeUnmanagedRunners()
    #expect(try world.githubHas("stray-00001"))
    try world.control("POST", "/runners/stray-00001/job", #"{"action":"finish"}"#)
    try maintenance.removeUnmanagedRunners()
    #expect(try !world.githubHas("stray-00001"))
  }

  // MARK: - Stale runners

  @Test func `a runner that was away for long is removed, and another is not`() throws {
    let world = try World()
    let maintenance = world.maintenance(staleAfterHours: 24)
    for name in ["away", "back", "here"] { try world.register(name) }
    try world.sync(maintenance)
    for name in ["away", "back"] {
      try world.control("POST", "/runners/\(name)/status", #"{"status":"offline"}"#)
    }
    try world.sync(maintenance)
    world.clock.advance(by: 23 * 3600)
    #expect(try maintenance.cleanUpStaleRunners().isEmpty)
    world.clock.advance(by: 3700)
    // Nobody here knows that it is back.
    try world.control("POST", "/runners/back/status", #"{"status":"online"}"#)
    #expect(try maintenance.cleanUpStaleRunners(isDryRun: true).count == 2)
    #expect(try world.githubHas("away"))

    #expect(try maintenance.cleanUpStaleRunners().map(\.name.description) == ["away"])
    #expect(try !world.githubHas("away"))
    #expect(try world.runner("away").deletionReason == .stale)
    #expect(try world.runner("back").status == .active)
    #expect(try world.auditLines("cleanup").count == 1)
  }

  @Test func `with no hours set nobody is ever stale`() throws {
    let world = try World()
    let maintenance = world.maintenance(staleAfterHours: 0)
    try world.register()
    try world.control("POST", "/runners/ci-1/status", #"{"status":"offline"}"#)
    try world.sync(maintenance)
    world.clock.advance(by: 1_000_000)
    #expect(try maintenance.cleanUpStaleRunners().isEmpty)
    #expect(try world.githubHas("ci-1"))
  }
}

extension GitHubError {
  fileprivate static let silence = GitHubError.unavailable("no answer", mayHaveActed: false)
}
