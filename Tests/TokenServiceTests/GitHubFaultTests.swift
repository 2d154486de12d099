import Concurrency
import FastCGI
import Foundation
import HTTPClient
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// What callers are told while GitHub is not as it should be.
@Suite struct GitHubFaultTests {
  private func fault(_ world: World, _ members: String) throws {
    try world.control(
      "POST", "/faults", #"{"path_contains":"/registration-token",\#(members)}"#)
  }

  private func retryAfter(_ response: Response) -> String? {
    response.headers.first { $0.name == "Retry-After" }?.value
  }

  @Test func `one failure of GitHub's is not the caller's`() throws {
    let world = try World()
    try fault(world, #""status":502,"body":"<html>","content_type":"text/html""#)
    #expect(try world.provision().status == 201)
    #expect(world.calls("/registration-token") == 2)
  }

  @Test func `when GitHub says when to come back the caller is told`() throws {
    let world = try World()
    try fault(world, #""status":503,"headers":{"Retry-After":"120"}"#)
    let response = try world.provision()
    #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    #expect(retryAfter(response) == "120")
  }

  @Test func `while GitHub is down callers are told at once, and it is asked by one`() throws {
    let world = try World()
    world.fail("/actions/runners", .timedOut)
    for number in 0..<5 {
      let response = try world.provision(#"{"runner_name":"ci-\#(number)","labels":["gpu"]}"#)
      #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    }
    let calls = world.calls("/actions/runners")
    let response = try world.provision()
    #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    #expect(retryAfter(response) == "10")
    #expect(world.calls("/actions/runners") == calls)

    world.heal()
    world.clock.advance(by: 10)
    #expect(try world.provision().status == 201)
  }

  @Test func `one more than may wait for GitHub is told to come back in a second`() throws {
    let world = try World(maximumGitHubWaiters: 1)
    let second = Locked<Response?>(nil)
    world.onCall("/registration-token") {
      let response = try? world.provision(#"{"runner_name":"ci-2","labels":["gpu"]}"#, as: "bob")
      second.withLock { $0 = response }
    }
    #expect(try world.provision().status == 201)
    let response = try #require(second.withLock { $0 })
    #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    #expect(retryAfter(response) == "1")
    // The name is free.
    #expect(try world.liveRunner("ci-2") == nil)
    #expect(
      try world.provision(#"{"runner_name":"ci-2","labels":["gpu"]}"#, as: "bob").status == 201)
  }

  @Test(arguments: [Turn.next, .behindOthers], ["provision", "jit"])
  func `without a place at GitHub, or behind others, it waits for its turn and has changed nothing`(
    turn: Turn, kind: String
  ) throws {
    let world = try World(maximumGitHubWaiters: turn == .next ? 1 : 2)
    let request = world.request(
      "POST", "/api/v1/runners/\(kind)", token: try world.token("bob"),
      body: #"{"runner_name":"ci-2","labels":["gpu"]}"#)
    let hasLooked = Locked(false)
    world.onCall("/registration-token") {
      hasLooked.withLock { $0 = true }
      #expect(world.service.hasTurn == (turn == .behindOthers))
      let (events, lines) = (try? world.auditEvents(), world.log.all.count)
      #expect(world.service.respond(to: request, turn: turn) == nil)
      #expect(events == ["provision_requested"])
      #expect((try? world.auditEvents()) == events)
      #expect(world.log.all.count == lines)
    }
    #expect(try world.provision().status == 201)
    #expect(hasLooked.withLock { $0 })
    #expect(world.service.hasTurn)
    #expect(world.service.respond(to: request, turn: .next)?.status == 201)
  }

  @Test func `where as many wait as may, a request takes no place before them, and is refused`()
    throws
  {
    let world = try World(maximumGitHubWaiters: 2)
    let request = world.request(
      "POST", "/api/v1/runners/provision", token: try world.token("bob"),
      body: #"{"runner_name":"ci-2","labels":["gpu"]}"#)
    #expect(world.service.hasTurn)
    #expect(world.service.respond(to: request, turn: .turnedAway)?.status == 503)
    #expect(try world.liveRunner("ci-2") == nil)
    #expect(world.service.respond(to: request, turn: .last)?.status == 201)
  }

  @Test func `the log says how long a request took from when it was there, its wait included`()
    throws
  {
    let world = try World()
    for (waited, expected) in [
      (Duration.zero, 0...60_000), (.seconds(3600), 3_600_000...3_660_000),
    ] {
      _ = world.service.respond(
        to: Request(
          parameters: Parameters([("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/health")]),
          body: .complete([]), receivedAt: .now - waited))
      let logged = try #require(world.log.all.last?["duration_ms"].flatMap { Int($0) })
      #expect(expected.contains(logged))
    }
  }

  @Test func `whatever asks nothing of GitHub is answered though others wait`() throws {
    let world = try World(maximumGitHubWaiters: 1)
    let token = try world.token("bob")
    func status(_ method: String, _ path: String, _ token: String?, _ body: String? = nil) -> Int? {
      let request = world.request(method, "/api/v1/runners" + path, token: token, body: body)
      return world.service.respond(to: request, turn: .behindOthers)?.status
    }
    #expect(status("GET", "", token) == 200)
    #expect(status("GET", "", nil) == 401)
    #expect(status("POST", "/provision", nil, "{}") == 401)
    #expect(status("POST", "/provision", token, "{}") == 422)
    let other = #"{"runner_name":"ci-1","labels":["gpu"],"runner_group_id":7}"#
    #expect(status("POST", "/provision", token, other) == 403)
    let allowed = #"{"runner_name":"ci-1","labels":["gpu"]}"#
    #expect(status("POST", "/provision?dry_run=true", token, allowed) == 200)
    #expect(status("POST", "/provision", token, allowed) == nil)
  }

  @Test(arguments: [
    (#""status":403,"body":"{}""#, "policies"),
    (#""status":403,"body":"{\"message\":\"an IP allow list enabled\"}""#, "access rules"),
    (#""status":403,"body":"Request forbidden by administrative rules""#, "requests as they are"),
    (#""status":410"#, "requests as they are"),
    (#""status":302,"headers":{"Location":"https://evil.example/"}"#, "requests as they are"),
    (
      #""status":403,"body":"{\"message\":\"Resource not accessible by integration\"}""#,
      "permissions"
    ),
    (#""status":422,"body":"{\"message\":\"ghs_secret\"}""#, "cannot be used"),
  ])
  func `what only an admin can mend is a 502 that says whom to ask, and no more`(
    members: String, words: String
  ) throws {
    let world = try World()
    try fault(world, members)
    let response = try world.provision()
    #expect(response.problem == "502 GITHUB_ERROR")
    let detail = try #require(try response.object["detail"]?.string)
    #expect(detail.contains(words))
    #expect(detail.contains("administrator"))
    #expect(!response.text.contains("ghs_"))
    // The log has the cause.
    #expect(world.log.all.contains { $0["cause"] != nil })
  }
}
