import FastCGI
import Foundation
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct JITConfigTests {
  let world: World

  init() throws {
    world = try World()
  }

  @Test func `a JIT runner exists at once, offline, with lower-case read-only labels`() throws {
    let response = try world.jitConfig()
    #expect(response.status == 201)
    let runner = try #require(response.object["runner"]?.object)
    #expect(runner["os"]?.string == "unknown")
    #expect(runner["status"]?.string == "offline")
    #expect(runner["runner_group_id"]?.integer == 1)
    let labels = try #require(runner["labels"]?.array).compactMap(\.object)
    #expect(labels.map { $0["name"]?.string } == ["linux", "gpu"])
    #expect(labels.allSatisfy { $0["type"]?.string == "read-only" })
    let id = try #require(runner["id"]?.integer)
    let found = world.send(
      "GET", World.runners + "/\(id)", token: try world.installationToken())
    #expect(found.status == 200)
  }

  @Test func `a JIT config is base64 of files in base64`() throws {
    let config = try #require(try world.jitConfig().object["encoded_jit_config"]?.string)
    #expect((3500...4600).contains(config.count))
    let files = try JSONValue(parsing: Array(try #require(Data(base64Encoded: config))))
    for name in [".runner", ".credentials", ".credentials_rsaparams"] {
      let content = try #require(files.object?[name]?.string)
      #expect(try JSONValue(parsing: Array(#require(Data(base64Encoded: content)))).object != nil)
    }
  }

  @Test func `a name is taken in any case`() throws {
    try world.register("JIT-1")
    let response = try world.jitConfig("jit-1")
    #expect(response.status == 409)
    #expect(response.message == "Already exists - A runner with the name *** already exists.")
  }

  @Test func `a runner group is required, must be known and must not be GitHub's`() throws {
    #expect(try world.jitConfig(group: "2").status == 403)
    #expect(try world.jitConfig(group: "7").status == 404)
    #expect(try world.jitConfig(group: #""1""#).status == 422)
    let response = try world.jitConfig(group: "null")
    #expect(response.status == 422)
    #expect(
      response.message == "Invalid input: object is missing required key: runner_group_id")
    try world.control("POST", "/runner-groups", #"{"id":7,"name":"gpu"}"#)
    #expect(try world.jitConfig(group: "7").status == 201)
  }

  @Test func `labels are required, and are at most 100`() throws {
    let response = try world.jitConfig(labels: "[]")
    #expect(response.status == 422)
    #expect(
      response.message == "Invalid property /labels: 1 item required; only 0 were supplied")
    let hundred = (1...100).map { "\"l\($0)\"" }.joined(separator: ",")
    #expect(try world.jitConfig("a", labels: "[\(hundred)]").status == 201)
    #expect(try world.jitConfig("b", labels: "[\(hundred),\"one-more\"]").status == 422)
    #expect(try world.jitConfig("c", labels: "[1]").status == 422)
  }

  @Test(arguments: ["", "with space", "ä", String(repeating: "x", count: 65)])
  func `a name that GitHub does not take is refused`(name: String) throws {
    #expect(try world.jitConfig(name).status == 422)
  }

  @Test func `a body that is not a JSON object is a bad request`() throws {
    let token = try world.installationToken()
    let path = World.runners + "/generate-jitconfig"
    #expect(
      world.send("POST", path, token: token, body: "{").message == "Problems parsing JSON")
    #expect(
      world.send("POST", path, token: token, body: "[]").message == "Body should be a JSON object")
  }

  @Test func `a JIT runner connects once, works once and is gone`() throws {
    let config = try #require(try world.jitConfig().object["encoded_jit_config"]?.string)
    let body = #"{"encoded_jit_config":"\#(config)"}"#
    let runner = try world.control("POST", "/runners/connect", body)
    #expect(runner?["status"]?.string == "online")
    #expect(world.send("POST", "/control/runners/connect", body: body).status == 409)
    try world.control("POST", "/runners/jit-1/job", #"{"action":"start"}"#)
    try world.control("POST", "/runners/jit-1/job", #"{"action":"finish"}"#)
    #expect(world.send("POST", "/control/runners/connect", body: body).status == 404)
  }
}
