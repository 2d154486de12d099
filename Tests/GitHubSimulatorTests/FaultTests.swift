import FastCGI
import Foundation
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct FaultTests {
  let world: World
  let token: String

  init() throws {
    world = try World()
    token = try world.installationToken()
  }

  private func list() -> Response {
    world.send("GET", World.runners, token: token)
  }

  @Test func `a fault hits so many matching requests and no more`() throws {
    try world.control(
      "POST", "/faults", #"{"method":"GET","path_contains":"/runners","count":2,"status":502}"#)
    #expect(world.send("POST", World.runners + "/remove-token", token: token).status == 201)
    #expect(list().status == 502)
    #expect(list().status == 502)
    #expect(list().status == 200)
  }

  @Test func `a fault answers with its own body and headers`() throws {
    try world.control(
      "POST", "/faults",
      #"{"path_contains":"/runners","status":403,"body":"<html>","content_type":"text/html","#
        + #""headers":{"Retry-After":"7","X-RateLimit-Remaining":"42"}}"#)
    let response = list()
    #expect(response.status == 403)
    #expect(response.text == "<html>")
    #expect(response.header("Content-Type") == "text/html")
    #expect(response.header("Retry-After") == "7")
    #expect(response.header("X-RateLimit-Remaining") == "42")
    #expect(response.header("X-GitHub-Request-Id") != nil)
  }

  @Test func `a delay alone leaves the answer as it is`() throws {
    try world.control("POST", "/faults", #"{"path_contains":"/runners","delay_ms":50}"#)
    let start = ContinuousClock.now
    #expect(list().status == 200)
    #expect(.now - start >= .milliseconds(50))
  }

  @Test func `a fault afterwards loses the answer and not the effect`() throws {
    try world.control(
      "POST", "/faults", #"{"path_contains":"jitconfig","status":504,"after":true}"#)
    #expect(try world.jitConfig().status == 504)
    #expect(try world.jitConfig().status == 409)
  }

  @Test func `a fault before prevents the effect`() throws {
    try world.control("POST", "/faults", #"{"path_contains":"jitconfig","status":504}"#)
    #expect(try world.jitConfig().status == 504)
    #expect(try world.jitConfig().status == 201)
  }

  @Test func `faults can be taken back`() throws {
    try world.control("POST", "/faults", #"{"path_contains":"/","count":9,"status":500}"#)
    try world.control("DELETE", "/faults")
    #expect(list().status == 200)
  }

  @Test func `faults reach the identity provider and not the control part`() throws {
    try world.control("POST", "/faults", #"{"path_contains":"","count":1,"status":500}"#)
    try world.control("GET", "/state")
    #expect(world.send("GET", "/oidc/jwks").status == 500)
    #expect(world.send("GET", "/oidc/jwks").status == 200)
  }

  @Test(arguments: [
    #"{"path_contains":"/"}"#, #"{"status":500}"#, #"{"path_contains":"/","status":99}"#,
    #"{"path_contains":"/","status":500,"count":0}"#,
  ])
  func `a fault that makes no sense is refused`(body: String) {
    #expect(world.send("POST", "/control/faults", body: body).status == 422)
  }
}
