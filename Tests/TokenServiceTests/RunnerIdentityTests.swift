import FastCGI
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

/// What is known here of a runner is about that runner at GitHub, and about no other.
@Suite struct RunnerIdentityTests {
  /// A runner in the organization that is nobody's here. Returns GitHub's id of it.
  private func victim(_ world: World) throws -> Int64 {
    try world.control(
      "POST", "/runners/many", #"{"count":1,"prefix":"victim","labels":["gpu"]}"#)
    return try #require(try world.service.github.runner(name: "victim-00001")).id
  }

  // MARK: - Webhooks

  /// The organization's App gets webhooks about the runners of its repositories, genuinely signed. Their ids are unique in
  /// the repository only.
  @Test
  func `a job of a repository's runner of the same name does not endanger whoever has its id`()
    throws
  {
    let world = try World.withWebhooks()
    let id = try victim(world)
    _ = try world.provision(#"{"runner_name":"mine","labels":["foo"]}"#, as: "mallory")
    #expect(try world.outcome(.job("in_progress", runner: "mine", id: id)) == "200 processed")
    #expect(try world.runner("mine").githubRunnerID == nil)
    world.clock.advance(by: 20)
    _ = try world.maintenance().upkeep()
    #expect(world.isAtGitHub("victim-00001"))
    let mine = try world.runner("mine")
    #expect(mine.status == .pending)
    #expect(!mine.busy)
    #expect(mine.removal == nil)
    #expect(try world.securityEvents(.labelPolicyViolation).isEmpty)
    #expect(world.calls("DELETE ") == 0)
  }

  @Test(arguments: ["", "?force=true"])
  func `nor does its owner delete anything but a runner of that name`(query: String) throws {
    let world = try World.withWebhooks()
    let id = try victim(world)
    _ = try world.provision(#"{"runner_name":"mine","labels":["foo"]}"#, as: "mallory")
    _ = try world.deliver(.job("in_progress", runner: "mine", id: id))
    let path = "/api/v1/runners/mine" + query
    #expect(world.send("DELETE", path, token: try world.token("mallory")).status == 204)
    #expect(world.isAtGitHub("victim-00001"))
    #expect(world.calls("DELETE ") == 0)
  }

  @Test func `a live runner is not given up because a repository's had its name`() throws {
    let world = try World.withWebhooks()
    let answer = try world.provision(#"{"runner_name":"mine","labels":["foo"]}"#)
    let token = try #require(try answer.object["registration_token"]?.string)
    #expect(try world.outcome(.job("completed", runner: "mine", id: 4711)) == "200 processed")
    #expect(try world.runner("mine").status == .active)
    world.clock.advance(by: 20)
    _ = try world.maintenance().upkeep()
    #expect(try world.runner("mine").status == .pending)
    try world.control(
      "POST", "/runners/register",
      #"{"token":"\#(token)","name":"mine","labels":["foo"],"ephemeral":true}"#)
    try world.control("POST", "/runners/mine/status", #"{"status":"online"}"#)
    world.clock.advance(by: 100)
    #expect(try world.sync().unmanaged.isEmpty)
    #expect(try world.runner("mine").status == .active)
    try world.maintenance().verifyNewRunners()
    #expect(try world.runner("mine").verifiedAt != nil)
  }

  @Test func `a job of the runner itself leads to its being bound and verified`() throws {
    let world = try World.withWebhooks()
    try world.register()
    let id = try #require(try world.service.github.runner(name: "ci-1")).id
    _ = try world.deliver(.job("in_progress", runner: "ci-1", id: id))
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    try world.maintenance().verifyNewRunners()
    let runner = try world.runner("ci-1")
    #expect(runner.githubRunnerID == id)
    #expect(runner.verifiedAt != nil)
    #expect(runner.busy)
    // From now on no other id will do.
    #expect(try world.deliver(.job("completed", runner: "ci-1", id: id + 1)).status == 202)
    #expect(try world.runner("ci-1").busy)
    #expect(try world.outcome(.job("completed", runner: "CI-1", id: id)) == "200 processed")
    #expect(try !world.runner("ci-1").busy)
  }

  @Test func `one of which only a webhook has told ends with its token, and frees its place`()
    throws
  {
    let world = try World(defaultMaximumRunners: 1, webhookSecret: Webhook.secret)
    #expect(try world.provision(#"{"runner_name":"ci-1"}"#).status == 201)
    _ = try world.deliver(.job("in_progress", runner: "ci-1", id: 7))
    #expect(try world.provision(#"{"runner_name":"ci-2"}"#).problem == "429 QUOTA_EXCEEDED")
    world.clock.advance(by: 3700)
    #expect(try world.provision(#"{"runner_name":"ci-2"}"#).status == 201)
    #expect(try world.runner("ci-1").deletionReason == .neverRegistered)
  }

  // MARK: - By name

  @Test(arguments: ["", "?force=true"])
  func `a runner that came with other labels is deleted with its row`(query: String) throws {
    let world = try World()
    try world.register(taken: #"["gpu","prod"]"#)
    let path = "/api/v1/runners/ci-1" + query
    #expect(world.send("DELETE", path, token: try world.token()).status == 204)
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.runner("ci-1").status == .deleted)
    let record = try #require(try world.auditLines("deprovision").last?["event_data"]?.object)
    #expect(record["at_github"] == .string("deleted"))
  }

  @Test(arguments: [60, 4000])
  func `a refresh binds a runner that came with other labels, which is then judged`(
    seconds: Double
  ) throws {
    let world = try World()
    try world.register(taken: #"["gpu","prod"]"#)
    world.clock.advance(by: seconds)
    let shown = world.send("POST", "/api/v1/runners/ci-1/refresh", token: try world.token())
    #expect(try shown.object["status"] == .string("active"))
    #expect(try world.runner("ci-1").verifiedAt == nil)
    _ = try world.maintenance().upkeep()
    #expect(try world.runner("ci-1").deletionReason == .policyViolation)
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.securityEvents(.labelPolicyViolation).count == 1)
  }

  /// A row with a wish to be removed that nobody has carried out, and a runner of its name that has just its labels.
  @Test(arguments: [(true, false), (false, true)])
  func `a removal by name takes what came of a token, and nobody else's runner`(
    isIssued: Bool, remains: Bool
  ) throws {
    let world = try World()
    let time = Timestamp(world.clock.date)
    try world.control(
      "POST", "/runners/many", #"{"count":1,"prefix":"ci","labels":["self-hosted","gpu"]}"#)
    try world.database.write { transaction in
      var row = try MaintenanceSyncTests.row(
        "ci-00001", githubID: nil, at: time, status: .pending, provisioning: .registrationToken,
        pendingFor: 30)
      try transaction.runners.insert(row)
      if isIssued {
        _ = try transaction.runners.issue(
          id: row.id, credentialSHA256: "x", expiresAt: time.adding(seconds: 3600), now: time)
      }
      row.removal = Removal(reason: .requested, requestedAt: time)
      try transaction.runners.update(row)
    }
    try world.maintenance().removeMarkedRunners()
    #expect(world.isAtGitHub("ci-00001") == remains)
    #expect(try world.runner("ci-00001").deletionReason == .requested)
  }

  // MARK: - Wishes

  @Test(arguments: [DeletionReason.stale, .policyViolation])
  func `who wishes a runner gone is not overruled by its coming back`(known: DeletionReason) throws
  {
    let world = try World()
    try world.register()
    try world.sync()
    var runner = try world.runner("ci-1")
    runner.removal = Removal(reason: known, requestedAt: Timestamp(world.clock.date))
    let marked = runner
    try world.database.write { try $0.runners.update(marked) }
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    let path = "/api/v1/runners/ci-1?force=true"
    #expect(world.send("DELETE", path, token: try world.token()).status == 202)
    let wish: DeletionReason = known == .stale ? .requested : known
    #expect(try world.runner("ci-1").removal?.reason == wish)
    _ = try world.maintenance().upkeep()
    #expect(try world.runner("ci-1").removal?.reason == wish)
    try world.control("POST", "/runners/ci-1/job", #"{"action":"finish"}"#)
    _ = try world.maintenance().upkeep()
    #expect(try world.runner("ci-1").deletionReason == wish)
  }
}
