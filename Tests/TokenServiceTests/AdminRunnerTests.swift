import FastCGI
import HTTPClient
import Runners
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

@Suite struct AdminRunnerTests {
  let world: World

  init() throws {
    world = try World.withAdmins()
  }

  private func provision(_ name: String, as subject: String, labels: String = "") throws -> String {
    world.clock.advance(by: 1)
    let response = try world.provision(
      #"{"runner_name":"\#(name)","labels":[\#(labels)]}"#, as: subject)
    return try #require(try response.object["runner_id"]?.string)
  }

  private func names(_ query: String) throws -> ([String?], Int64?) {
    let body = try world.admin("GET", "/runners" + query).object
    return (
      try #require(body["runners"]?.array).map { $0.object?["runner_name"]?.string },
      body["total"]?.integer
    )
  }

  @Test func `an admin lists everybody's runners, newest first, and filters them`() throws {
    _ = try provision("a", as: "alice", labels: #""gpu""#)
    _ = try provision("b", as: "bob")
    _ = try provision("c", as: "alice")
    #expect(try names("") == (["c", "b", "a"], 3))
    #expect(try names("?user_identity=alice%40example.com") == (["c", "a"], 2))
    #expect(try names("?user_identity=nobody") == ([], 0))
    #expect(try names("?label=GPU&status=pending&ephemeral=true") == (["a"], 1))
    #expect(try names("?limit=2") == (["c", "b"], 3))
    #expect(try names("?limit=2&offset=2") == (["a"], 3))
    #expect(try names("?offset=50") == ([], 3))
    #expect(try names("?limit=2").0 + names("?limit=2&offset=2").0 == ["c", "b", "a"])
  }

  @Test func `pages of runners made at one moment have every one exactly once`() throws {
    for index in 0..<7 { _ = try world.provision(#"{"runner_name":"r\#(index)"}"#) }
    let pages = try names("?limit=3").0 + names("?limit=3&offset=3").0 + names("?offset=6").0
    #expect(pages.compactMap(\.self).sorted() == (0..<7).map { "r\($0)" })
  }

  @Test(arguments: [
    "limit=0", "limit=1001", "offset=-1", "status=gone", "user_identity=", "user_identity=a%00",
    "owner=alice",
  ])
  func `a query that is wrong or unknown is refused`(query: String) throws {
    #expect(try world.admin("GET", "/runners?" + query).problem == "422 VALIDATION_ERROR")
  }

  @Test func `only an admin's list may name a user`() throws {
    let own = world.send(
      "GET", "/api/v1/runners?user_identity=bob%40example.com", token: try world.token("root"))
    #expect(own.problem == "422 VALIDATION_ERROR")
  }

  @Test func `an admin sees a runner by its id and not by its name`() throws {
    let id = try provision("ci-1", as: "alice")
    let shown = try world.admin("GET", "/runners/" + id).object
    #expect(shown["runner_name"] == .string("ci-1"))
    #expect(shown["provisioned_by"] == .string("alice@example.com"))
    #expect(try world.admin("GET", "/runners/ci-1").problem == "404 RUNNER_NOT_FOUND")
    #expect(try world.admin("DELETE", "/runners/ci-1").problem == "404 RUNNER_NOT_FOUND")
  }

  @Test func `an admin deletes somebody's runner, at GitHub too, and the owner is recorded`() throws
  {
    let provisioned = try world.provision().object
    let id = try #require(provisioned["runner_id"]?.string)
    let token = try #require(provisioned["registration_token"]?.string)
    try world.control(
      "POST", "/runners/register", #"{"token":"\#(token)","name":"ci-1","labels":["gpu"]}"#)

    #expect(try world.admin("DELETE", "/runners/" + id).status == 204)
    #expect(world.calls("DELETE /api/v3/orgs/demo-org/actions/runners/") == 1)
    #expect(try world.liveRunner("ci-1") == nil)
    let lines = try world.auditLines().suffix(2)
    #expect(
      lines.map { $0["event_type"]?.string } == ["deprovision_requested", "deprovision"])
    for line in lines {
      #expect(line["user_identity"] == .string("root@example.com"))
      #expect(line["runner_id"] == .string(id))
      let data = try #require(line["event_data"]?.object)
      #expect(data["owner_identity"] == .string("alice@example.com"))
      #expect(data["owner_issuer"] == .string(World.baseURL + "/oidc"))
      #expect(data["owner_sub"] == .string("alice"))
    }
    #expect(try world.admin("DELETE", "/runners/" + id).problem == "404 RUNNER_NOT_FOUND")
    #expect(
      try world.admin("GET", "/runners/" + id).object["status"] == .string("deleted"))
  }

  @Test func `when GitHub is down an admin's delete fails, and that is recorded`() throws {
    let id = try provision("ci-1", as: "alice")
    world.fail("/actions/runners", .timedOut)
    #expect(try world.admin("DELETE", "/runners/" + id).problem == "503 GITHUB_UNAVAILABLE")
    let line = try #require(try world.auditLines().last)
    #expect(line["event_type"] == .string("deprovision"))
    #expect(line["success"] == .bool(false))
    #expect(line["event_data"]?.object?["owner_sub"] == .string("alice"))
    #expect(try world.liveRunner("ci-1") != nil)
  }
}
