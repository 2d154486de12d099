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
}
