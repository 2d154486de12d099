import FastCGI
import Foundation
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct ControlTests {
  let world: World

  init() throws {
    world = try World()
  }

  private func job(_ action: String) -> Response {
    world.send("POST", "/control/runners/box/job", body: #"{"action":"\#(action)"}"#)
  }

  @Test func `a job needs a runner that is online and free`() throws {
    try world.register("box")
    #expect(job("start").status == 409)
    try world.control("POST", "/runners/box/status", #"{"status":"online"}"#)
    #expect(job("finish").status == 409)
    #expect(try job("start").object["busy"]?.bool == true)
    #expect(job("start").status == 409)
    #expect(try job("finish").object["busy"]?.bool == false)
    #expect(world.send("DELETE", "/control/runners/box").status == 204)
    #expect(world.send("DELETE", "/control/runners/box").status == 404)
  }

  @Test func `an ephemeral runner disappears after its job`() throws {
    try world.register("box", #""ephemeral":true"#)
    try world.control("POST", "/runners/box/status", #"{"status":"online"}"#)
    #expect(job("start").status == 200)
    #expect(job("finish").status == 200)
    #expect(job("start").status == 404)
  }

  @Test func `the state counts what was issued and asked for`() throws {
    try world.register("box")
    _ = try world.jitConfig()
    _ = world.send("GET", "/oidc/jwks")
    _ = world.send("GET", "/api/v3/nothing")
    let state = try #require(try world.control("GET", "/state"))
    #expect(state["registration_tokens_issued"]?.integer == 1)
    #expect(state["jit_configs_issued"]?.integer == 1)
    #expect(state["installation_tokens_issued"]?.integer == 2)
    #expect(state["jwks_fetches"]?.integer == 1)
    let requests = try #require(state["requests"]?.object)
    let template = "/api/v3/orgs/{org}/actions/runners/generate-jitconfig"
    #expect(requests["POST \(template)"]?.integer == 1)
    #expect(requests["GET unknown"]?.integer == 1)
    let runners = try #require(state["runners"]?.array).compactMap(\.object)
    #expect(runners.map { $0["name"]?.string } == ["box", "jit-1"])
    #expect(runners.map { $0["ephemeral"]?.bool } == [false, true])
    #expect(
      runners.map { $0["registered_with"]?.string } == ["registration_token", "jit_config"])
  }

  @Test func `a reset forgets everything`() throws {
    try world.register("box")
    try world.control("POST", "/installation", #"{"suspended":true}"#)
    try world.control("POST", "/faults", #"{"path_contains":"/","status":500}"#)
    #expect(world.send("POST", "/control/reset").status == 204)
    let state = try #require(try world.control("GET", "/state"))
    #expect(state["runners"]?.array?.isEmpty == true)
    #expect(state["suspended"]?.bool == false)
    #expect(state["faults_pending"]?.integer == 0)
    #expect(state["registration_tokens_issued"]?.integer == 0)
  }
}
