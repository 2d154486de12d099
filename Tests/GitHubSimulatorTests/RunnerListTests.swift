import FastCGI
import Foundation
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct RunnerListTests {
  let world: World
  let token: String

  init() throws {
    world = try World()
    token = try world.installationToken()
  }

  private func list(_ query: String = "", base: String = World.runners) -> Response {
    world.send("GET", base + query, token: token)
  }

  private func names(_ response: Response) throws -> [String] {
    try #require(response.object["runners"]?.array).compactMap { $0.object?["name"]?.string }
  }

  private func register(count: Int) throws {
    for number in 1...count { try world.register("box-\(100 + number)") }
  }

  @Test func `a list has GitHub's members and is in order of names`() throws {
    try world.register("b")
    let id = try world.register("A", #""labels":["GPU"]"#)
    let response = list()
    #expect(try names(response) == ["A", "b"])
    #expect(try response.object["total_count"]?.integer == 2)
    #expect(response.header("Link") == nil)
    #expect(
      response.text.contains(
        #"{"busy":false,"id":\#(id),"labels":[{"id":0,"name":"self-hosted","type":"read-only"},"#
          + #"{"id":0,"name":"Linux","type":"read-only"},{"id":0,"name":"X64","type":"read-only"},"#
          + #"{"id":0,"name":"GPU","type":"custom"}],"name":"A","os":"unknown","status":"offline"}"#
      ))
  }

  @Test func `the name filter wants the whole name, in any case`() throws {
    try register(count: 2)
    #expect(try names(list("?name=BOX-101")) == ["box-101"])
    #expect(try names(list("?name=box-10")) == [])
  }

  @Test func `pages are linked by the organization's number, and the links work`() throws {
    try register(count: 5)
    let base = "http://127.0.0.1:8080/api/v3/organizations/21341965/actions/runners"
    let first = list("?per_page=2")
    #expect(try names(first) == ["box-101", "box-102"])
    #expect(try first.object["total_count"]?.integer == 5)
    #expect(
      first.header("Link")
        == "<\(base)?per_page=2&page=2>; rel=\"next\", <\(base)?per_page=2&page=3>; rel=\"last\"")
    let middle = list(
      "?per_page=2&page=2", base: "/api/v3/organizations/21341965/actions/runners")
    #expect(try names(middle) == ["box-103", "box-104"])
    #expect(
      middle.header("Link")
        == "<\(base)?per_page=2&page=1>; rel=\"prev\", <\(base)?per_page=2&page=3>; rel=\"next\", "
        + "<\(base)?per_page=2&page=3>; rel=\"last\", <\(base)?per_page=2&page=1>; rel=\"first\"")
    let last = list("?per_page=2&page=3")
    #expect(try names(last) == ["box-105"])
    #expect(
      last.header("Link")
        == "<\(base)?per_page=2&page=2>; rel=\"prev\", <\(base)?per_page=2&page=1>; rel=\"first\"")
  }

  @Test func `a page holds 30 runners, or up to 100 on demand`() throws {
    try register(count: 101)
    #expect(try names(list()).count == 30)
    #expect(try names(list("?per_page=1000")).count == 100)
    #expect(try names(list("?per_page=0")).count == 30)
    #expect(try names(list("?per_page=100&page=9223372036854775807")).isEmpty)
  }

  @Test func `one runner is found by its id`() throws {
    let id = try world.register("box-1")
    #expect(try list("/\(id)").object["name"]?.string == "box-1")
    #expect(list("/\(id + 1)").status == 404)
    #expect(list("/box-1").status == 404)
  }

  @Test func `a deleted runner is gone, and a second deletion is not found`() throws {
    let id = try world.register("box-1")
    let path = World.runners + "/\(id)"
    let response = world.send("DELETE", path, token: token)
    #expect(response.status == 204)
    #expect(response.body.isEmpty)
    #expect(response.header("Content-Type") == nil)
    #expect(world.send("DELETE", path, token: token).status == 404)
    #expect(try list().object["total_count"]?.integer == 0)
  }

  @Test func `a busy runner cannot be deleted`() throws {
    let id = try world.register("box-1")
    try world.control("POST", "/runners/box-1/status", #"{"status":"online"}"#)
    try world.control("POST", "/runners/box-1/job", #"{"action":"start"}"#)
    let response = world.send("DELETE", World.runners + "/\(id)", token: token)
    #expect(response.status == 422)
    #expect(response.message == #"Bad request - Runner "box-1" is still running a job""#)
  }

  @Test func `the runner groups are the default one and those that were added`() throws {
    try world.control("POST", "/runner-groups", #"{"id":7,"name":"gpu"}"#)
    let response = world.send(
      "GET", "/api/v3/orgs/demo-org/actions/runner-groups", token: token)
    let groups = try #require(response.object["runner_groups"]?.array).compactMap(\.object)
    #expect(groups.map { $0["id"]?.integer } == [1, 7])
    #expect(groups.map { $0["default"]?.bool } == [true, false])
  }
}
