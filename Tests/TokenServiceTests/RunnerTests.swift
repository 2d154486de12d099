import FastCGI
import Foundation
import HTTPClient
import Runners
import StrictJSON
import TestSupport
import Testing

@Suite struct RunnerLifeTests {
  let world: World

  init() throws {
    world = try World()
  }

  /// Provisions ci-1 for alice and registers it at GitHub.
  private func register(ephemeral: Bool = true) throws {
    let token = try #require(try world.provision().object["registration_token"]?.string)
    try world.control(
      "POST", "/runners/register",
      #"{"token":"\#(token)","name":"ci-1","labels":["gpu"],"ephemeral":\#(ephemeral)}"#)
  }

  private func send(_ method: String, _ path: String, as subject: String = "alice") throws
    -> Response
  {
    world.send(method, "/api/v1/runners" + path, token: try world.token(subject))
  }

  private func status(_ response: Response) throws -> String? {
    try response.object["status"]?.string
  }

  @Test func `a runner lives from pending through active and busy to deleted`() throws {
    _ = try register()
    #expect(try status(send("GET", "/ci-1")) == "pending")
    #expect(try status(send("POST", "/ci-1/refresh")) == "offline")
    try world.control("POST", "/runners/ci-1/status", #"{"status":"online"}"#)
    #expect(try status(send("POST", "/ci-1/refresh")) == "active")
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    #expect(try send("POST", "/ci-1/refresh").object["busy"] == .bool(true))
    try world.control("POST", "/runners/ci-1/job", #"{"action":"finish"}"#)
    let gone = try send("POST", "/ci-1/refresh").object
    #expect(gone["status"] == .string("deleted"))
    #expect(gone["deletion_reason"] == .string("gone_at_github"))
    #expect(gone["busy"] == .bool(false))
    let changes = try world.auditLines().filter { $0["event_type"] == .string("status_change") }
    let steps = changes.compactMap { $0["event_data"]?.object?["to"]?.string }
    #expect(steps == ["offline", "active", "deleted"])
  }

  @Test func `a refresh of a runner that nobody registered yet changes nothing`() throws {
    _ = try world.provision()
    #expect(try status(send("POST", "/ci-1/refresh")) == "pending")
  }

  @Test func `a registration token that expired unused ends the runner at the next refresh`() throws
  {
    _ = try world.provision()
    world.clock.advance(by: 3661)
    let gone = try send("POST", "/ci-1/refresh").object
    #expect(gone["deletion_reason"] == .string("never_registered"))
  }

  @Test func `a runner is deleted at GitHub and here`() throws {
    _ = try register()
    let response = try send("DELETE", "/ci-1")
    #expect(response.status == 204)
    #expect(response.body.isEmpty)
    #expect(response.header("Content-Length") == nil)
    #expect(world.calls("DELETE /api/v3/orgs/demo-org/actions/runners/") == 1)
    #expect(try send("GET", "/ci-1").problem == "404 RUNNER_NOT_FOUND")
    #expect(try send("DELETE", "/ci-1").problem == "404 RUNNER_NOT_FOUND")
    #expect(
      try world.auditEvents().suffix(2) == ["deprovision_requested", "deprovision"])
  }

  @Test func `a deleted runner is still shown by its id`() throws {
    let id = try #require(try world.provision().object["runner_id"]?.string)
    _ = try send("DELETE", "/ci-1")
    #expect(try status(send("GET", "/" + id)) == "deleted")
    #expect(try send("DELETE", "/" + id).problem == "404 RUNNER_NOT_FOUND")
  }

  @Test func `the name of a deleted runner can be used again`() throws {
    _ = try world.provision()
    _ = try send("DELETE", "/ci-1")
    #expect(try world.provision(as: "bob").status == 201)
  }

  @Test func `the name of an ephemeral runner that has done its job is free for its owner`() throws
  {
    _ = try register()
    try world.control("POST", "/runners/ci-1/status", #"{"status":"online"}"#)
    _ = try send("POST", "/ci-1/refresh")
    #expect(try world.provision().problem == "409 RUNNER_NAME_CONFLICT")
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    try world.control("POST", "/runners/ci-1/job", #"{"action":"finish"}"#)
    #expect(try world.provision().status == 201)
  }

  @Test func `the name of a runner whose token expired unused is free for anybody`() throws {
    _ = try world.provision()
    #expect(try world.provision(as: "bob").problem == "409 RUNNER_NAME_CONFLICT")
    world.clock.advance(by: 3661)
    #expect(try world.provision(as: "bob").status == 201)
  }

  @Test func `a runner that has the name of an issued one came of it, whatever its labels`() throws
  {
    _ = try world.provision()
    let token = try #require(
      try world.provision(#"{"runner_name":"other"}"#).object["registration_token"]?.string)
    try world.control(
      "POST", "/runners/register", #"{"token":"\#(token)","name":"ci-1","labels":["prod"]}"#)
    #expect(try status(send("POST", "/ci-1/refresh")) == "offline")
    #expect(try send("DELETE", "/ci-1").status == 204)
    #expect(!world.isAtGitHub("ci-1"))
  }

  @Test(arguments: [("DELETE", ""), ("POST", "/refresh")])
  func `a reservation does not reach for a runner that GitHub had before`(
    method: String, suffix: String
  ) throws {
    let token = try #require(
      try world.provision(#"{"runner_name":"other"}"#).object["registration_token"]?.string)
    try world.control(
      "POST", "/runners/register", #"{"token":"\#(token)","name":"prod-1","labels":["gpu"]}"#)
    // While GitHub is asked whether the name is free, the reservation can already be seen by its owner.
    let path = "/api/v1/runners/prod-1" + suffix
    let alice = try world.token()
    world.onCall("?name=prod-1") { [world] in _ = world.send(method, path, token: alice) }
    let response = try world.provision(#"{"runner_name":"prod-1","labels":["gpu"]}"#)
    #expect(response.problem == "409 RUNNER_NAME_CONFLICT")
    #expect(world.calls("DELETE ") == 0)
    #expect(try world.liveRunner("prod-1") == nil)
  }

  @Test func `a look by name that is overtaken does not end a runner that has registered`() throws {
    _ = try register()
    let alice = try world.token()
    world.onCall("?name=ci-1") { [world] in
      _ = world.send("POST", "/api/v1/runners/ci-1/refresh", token: alice)
      // What the overtaken look still sees.
      try? world.control(
        "POST", "/faults",
        #"{"path_contains":"name=ci-1","status":200,"body":"{\"total_count\":0,\"runners\":[]}"}"#)
    }
    #expect(try status(send("POST", "/ci-1/refresh")) == "offline")
    #expect(try world.liveRunner("ci-1")?.githubRunnerID != nil)
  }

  @Test func `a runner with a job is not deleted`() throws {
    _ = try register()
    try world.control("POST", "/runners/ci-1/status", #"{"status":"online"}"#)
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    #expect(try send("DELETE", "/ci-1").problem == "409 RUNNER_BUSY")
    #expect(try status(send("GET", "/ci-1")) == "pending")
    let last = try #require(try world.auditLines().last)
    #expect(last["event_type"] == .string("deprovision"))
    #expect(last["success"] == .bool(false))
    #expect(last["error_code"] == .string("RUNNER_BUSY"))
  }

  @Test func `when GitHub is down a runner is not deleted`() throws {
    _ = try register()
    world.fail("/actions/runners", .timedOut)
    #expect(try send("DELETE", "/ci-1").problem == "503 GITHUB_UNAVAILABLE")
    #expect(try send("POST", "/ci-1/refresh").problem == "503 GITHUB_UNAVAILABLE")
    world.heal()
    #expect(try status(send("GET", "/ci-1")) == "pending")
    #expect(try send("DELETE", "/ci-1").status == 204)
  }

  @Test func `a runner that GitHub lost is deleted all the same`() throws {
    _ = try register()
    _ = try send("POST", "/ci-1/refresh")
    try world.control("DELETE", "/runners/ci-1")
    #expect(try send("DELETE", "/ci-1").status == 204)
  }

  @Test(arguments: [("GET", ""), ("POST", "/refresh"), ("DELETE", "")])
  func `somebody else's runner is not found, by name or id`(method: String, suffix: String) throws {
    let id = try #require(try world.provision().object["runner_id"]?.string)
    let unknown = try send(method, "/no-such-runner" + suffix, as: "bob")
    for runner in ["ci-1", id] {
      let response = try send(method, "/\(runner)\(suffix)", as: "bob")
      #expect(response.problem == "404 RUNNER_NOT_FOUND")
      #expect(response == unknown)
    }
    #expect(try send("GET", "/ci-1").status == 200)
  }

  @Test func `an admin has no more of others' runners on these routes than anybody`() throws {
    _ = try world.provision()
    let admin = try world.token(
      "root", #"{"sub":"root","groups":["runner-admins"]}"#)
    #expect(
      world.send("GET", "/api/v1/runners/ci-1", token: admin).problem == "404 RUNNER_NOT_FOUND")
  }

  @Test func `the same subject of another spelling is somebody else`() throws {
    let composed = try world.token("", "{\"sub\":\"\u{E9}\"}")
    let decomposed = try world.token("", "{\"sub\":\"e\u{301}\"}")
    _ = world.send(
      "POST", "/api/v1/runners/provision", token: composed, body: #"{"runner_name":"ci-1"}"#)
    #expect(world.send("GET", "/api/v1/runners/ci-1", token: composed).status == 200)
    #expect(world.send("GET", "/api/v1/runners/ci-1", token: decomposed).status == 404)
  }

  @Test func `a list has only the caller's runners, newest first`() throws {
    for name in ["a", "b", "c"] {
      world.clock.advance(by: 1)
      _ = try world.provision(#"{"runner_name":"\#(name)","labels":["gpu"]}"#)
    }
    _ = try world.provision(#"{"runner_name":"other"}"#, as: "bob")
    func names(_ query: String) throws -> ([String?], Int64?) {
      let body = try send("GET", query).object
      return (
        try #require(body["runners"]?.array).map { $0.object?["runner_name"]?.string },
        body["total"]?.integer
      )
    }
    #expect(try names("") == (["c", "b", "a"], 3))
    #expect(try names("?limit=1&offset=1") == (["b"], 3))
    #expect(try names("?label=GPU&status=pending&ephemeral=true") == (["c", "b", "a"], 3))
    #expect(try names("?status=active") == ([], 0))
    #expect(try names("?label=g%70u") == (["c", "b", "a"], 3))
  }

  @Test(arguments: [
    "limit=0", "limit=1001", "limit=x", "offset=-1", "status=gone", "label=a,b", "ephemeral=1",
    "stauts=active", "limit=1&limit=2",
  ])
  func `a query that is wrong or unknown is refused`(query: String) throws {
    #expect(try send("GET", "?" + query).problem == "422 VALIDATION_ERROR")
  }

  @Test func `a runner has the members that the contract names`() throws {
    _ = try world.provision()
    let names = Set(try send("GET", "/ci-1").object.members.map(\.name))
    #expect(
      names.isSuperset(of: [
        "runner_id", "runner_name", "status", "busy", "github_runner_id", "runner_group_id",
        "labels", "ephemeral", "provisioning", "provisioned_by", "created_at", "updated_at",
        "registered_at", "deleted_at",
      ]))
  }

  @Test func `a runner may be called provision`() throws {
    _ = try world.provision(#"{"runner_name":"provision"}"#)
    #expect(try status(send("GET", "/provision")) == "pending")
    #expect(try send("DELETE", "/provision").status == 204)
  }
}
