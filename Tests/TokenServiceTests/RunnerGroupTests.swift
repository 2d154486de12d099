import Concurrency
import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import github_simulator

@Suite struct RunnerGroupTests {
  let world: World

  init() throws {
    world = try World(adminIdentities: ["root@example.com"])
    try save([1, 2, 7, 9])
    try world.control("POST", "/runner-groups", #"{"id":7,"name":"Bob's machines"}"#)
  }

  private func save(_ groups: Set<Int64>) throws {
    _ = try world.database.write {
      try $0.labelPolicies.save(
        LabelPolicy(allowedLabels: [.any], allowedRunnerGroups: groups), of: "alice@example.com",
        by: "test")
    }
  }

  private func body(_ group: Int) -> String {
    #"{"runner_name":"ci-1","runner_group_id":\#(group)}"#
  }

  private func list(as subject: String = "root") throws -> Response {
    world.send("GET", "/api/v1/runner-groups", token: try world.token(subject))
  }

  @Test func `admins see GitHub's groups, and nobody else does`() throws {
    let body = try list().object
    let groups = try #require(body["runner_groups"]?.array).compactMap(\.object)
    #expect(groups.map { $0["id"]?.integer } == [1, 7])
    #expect(groups.map { $0["name"]?.string } == ["Default", "Bob's machines"])
    #expect(groups.map { $0["default"] } == [.bool(true), .bool(false)])
    #expect(groups.map { $0["visibility"]?.string } == ["all", "all"])
    #expect(body["total"] == .integer(2))
    #expect(try list(as: "alice").problem == "403 ADMIN_REQUIRED")
  }

  @Test func `while GitHub does not say which groups there are nobody else waits for it`() throws {
    let root = try world.token("root")
    let others = Locked<[String]>([])
    func hang() {
      world.onCall("/runner-groups?") { [world] in
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
          let response = world.send("GET", "/api/v1/runner-groups", token: root)
          let wait = response.header("Retry-After") ?? "-"
          others.withLock { $0.append("\(response.status) \(wait)") }
        }
      }
    }
    hang()
    #expect(try list().status == 200)
    #expect(others.withLock { $0 } == Array(repeating: "503 1", count: 4))
    // Once something is known, they get that.
    others.withLock { $0 = [] }
    world.clock.advance(by: 61)
    hang()
    #expect(try list().status == 200)
    #expect(others.withLock { $0 } == Array(repeating: "200 -", count: 4))
    #expect(world.calls("/runner-groups?") == 2)
  }

  @Test func `GitHub is asked about its groups once a minute, and by one at a time`() throws {
    let token = try world.token("root")
    DispatchQueue.concurrentPerform(iterations: 20) { [world] _ in
      _ = world.send("GET", "/api/v1/runner-groups", token: token)
    }
    #expect(world.calls("/runner-groups?") == 1)
    world.clock.advance(by: 59)
    #expect(try list().status == 200)
    #expect(world.calls("/runner-groups?") == 1)
    world.clock.advance(by: 1)
    #expect(try list().status == 200)
    #expect(world.calls("/runner-groups?") == 2)
  }

  @Test func `a failure is not remembered`() throws {
    world.fail("/runner-groups?", .timedOut)
    #expect(try list().problem == "503 GITHUB_UNAVAILABLE")
    world.heal()
    #expect(try list().status == 200)
  }

  @Test(arguments: ["provision", "jit"])
  func
    `a group that GitHub does not have is a fault of the request, before GitHub is asked for more`(
      kind: String
    ) throws
  {
    let response = world.send(
      "POST", "/api/v1/runners/\(kind)", token: try world.token(), body: body(9))
    #expect(response.problem == "422 VALIDATION_ERROR")
    #expect(try faults(response).first?.hasPrefix("runner_group_id: ") == true)
    #expect(world.calls("/actions/runners/") == 0)
    #expect(try world.auditEvents() == ["provision_failed"])
  }

  @Test(arguments: [7, 9])
  func `of a group that the policy forbids nobody learns whether it exists`(group: Int) throws {
    try save([1])
    #expect(try world.provisionJIT(body(group)).problem == "403 RUNNER_GROUP_NOT_ALLOWED")
    #expect(world.calls("/runner-groups") == 0)
  }

  @Test func `GitHub's own group is not allowed, and nothing stays behind`() throws {
    // GitHub lists it where there are larger runners.
    world.simulator.state.withLock { $0.groups.append(RunnerGroup(id: 2, name: "GitHub")) }
    let response = try world.provisionJIT(body(2))
    #expect(response.problem == "403 RUNNER_GROUP_NOT_ALLOWED")
    #expect(response.text.contains("GitHub"))
    #expect(try world.liveRunner("ci-1") == nil)
  }

  @Test func `a group that was deleted since is a fault of the request too`() throws {
    #expect(try list().status == 200)
    world.simulator.state.withLock { $0.groups.removeAll { $0.id == 7 } }
    #expect(try world.provisionJIT(body(7)).problem == "422 VALIDATION_ERROR")
    #expect(try world.liveRunner("ci-1") == nil)
  }

  @Test func `config.sh is told the group's name, and registers there`() throws {
    let response = try world.provision(body(7)).object
    let command = try #require(response["configuration_command"]?.string)
    #expect(command.contains(#" --runnergroup 'Bob'\''s machines'"#))
    let jit = try world.provisionJIT(#"{"runner_name":"ci-2","runner_group_id":7}"#)
    #expect(jit.status == 201)
    #expect(world.simulator.state.withLock { $0.runners["ci-2"]?.groupID } == 7)
  }

  @Test(arguments: [#"{"runner_name":"ci-1"}"#, #"{"runner_name":"ci-1","runner_group_id":1}"#])
  func `the default group costs no call`(body: String) throws {
    #expect(try world.provision(body).status == 201)
    #expect(try world.liveRunner("ci-1")?.runnerGroupID == 1)
    #expect(world.calls("/runner-groups") == 0)
  }

  @Test func `where the service has another default group than GitHub, config.sh is told so`()
    throws
  {
    let world = try World(defaultRunnerGroupID: 7)
    #expect(try world.provision().problem == "502 GITHUB_ERROR")
    try world.control("POST", "/runner-groups", #"{"id":7,"name":"Machines"}"#)
    world.clock.advance(by: 60)
    let command = try #require(
      try world.provision().object["configuration_command"]?.string)
    #expect(command.contains(" --runnergroup 'Machines'"))
    let looks = world.calls("/runner-groups")
    world.clock.advance(by: 60)
    #expect(try world.provisionJIT(#"{"runner_name":"ci-2"}"#).status == 201)
    #expect(world.calls("/runner-groups") == looks)
    #expect(world.simulator.state.withLock { $0.runners["ci-2"]?.groupID } == 7)
  }
}
