import FastCGI
import Foundation
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct TransportTests {
  let world: World
  let token: String

  init() throws {
    world = try World()
    token = try world.installationToken()
  }

  @Test func `a request without User-Agent is refused in HTML`() {
    let response = world.send("GET", World.runners, token: token, headers: ["User-Agent": ""])
    #expect(response.status == 403)
    #expect(response.header("Content-Type") == "text/html")
    #expect(
      response.text == "\r\nRequest forbidden by administrative rules. Please make sure your "
        + "request has a User-Agent header (http://developer.github.com/v3/#user-agent-required)."
        + " Check https://developer.github.com for other possible causes.\r\n")
  }

  @Test func `a trailing slash is not found`() {
    #expect(world.send("GET", World.runners + "/", token: token).status == 404)
  }

  @Test func `errors are GitHub's BasicError with the status as text`() {
    let response = world.send("GET", World.runners + "/1", token: token)
    #expect(response.status == 404)
    #expect(response.header("Content-Type") == "application/json; charset=utf-8")
    #expect(
      response.text == #"{"documentation_url":"https://docs.github.com/rest","#
        + #""message":"Not Found","status":"404"}"#)
  }

  @Test func `every answer carries GitHub's headers`() {
    let response = world.send("GET", World.runners, token: token)
    #expect(response.header("x-github-api-version-selected") == "2022-11-28")
    #expect(response.header("x-github-media-type") == "github.v3; format=json")
    #expect(response.header("x-github-request-id")?.split(separator: ":").count == 5)
    #expect(response.header("x-ratelimit-limit") == "5000")
    #expect(response.header("x-ratelimit-remaining") == "4999")
    #expect(response.header("x-ratelimit-used") == "1")
    #expect(response.header("x-ratelimit-reset") == "1795003600")
    #expect(response.header("x-ratelimit-resource") == "core")
  }

  @Test func `an unknown API version is refused`() {
    let name = "X-GitHub-Api-Version"
    #expect(
      world.send("GET", World.runners, token: token, headers: [name: "2026-03-10"]).status == 200)
    #expect(
      world.send("GET", World.runners, token: token, headers: [name: "2020-01-01"]).status == 400)
  }

  @Test func `HEAD is GET without a body`() {
    let response = world.send("HEAD", World.runners, token: token)
    #expect(response.status == 200)
    #expect(response.body.isEmpty)
  }

  // MARK: - Conditional requests

  @Test func `an unchanged list is 304 and costs nothing`() throws {
    let first = world.send("GET", World.runners, token: token)
    let tag = try #require(first.header("ETag"))
    #expect(tag.hasPrefix("W/\""))
    let second = world.send(
      "GET", World.runners, token: token, headers: ["If-None-Match": tag])
    #expect(second.status == 304)
    #expect(second.body.isEmpty)
    #expect(second.header("ETag") == tag)
    #expect(second.header("x-ratelimit-remaining") == first.header("x-ratelimit-remaining"))
  }

  @Test func `a changed list is sent again`() throws {
    let tag = try #require(world.send("GET", World.runners, token: token).header("ETag"))
    try world.register("box-1")
    let response = world.send(
      "GET", World.runners, token: token, headers: ["If-None-Match": tag])
    #expect(response.status == 200)
    #expect(response.header("ETag") != tag)
  }

  // MARK: - Rate limit

  @Test func `an exhausted rate limit is 403 until it is reset`() throws {
    try world.control("POST", "/rate-limit", #"{"remaining":1,"reset_in":30}"#)
    #expect(world.send("GET", World.runners, token: token).status == 200)
    let response = world.send("GET", World.runners, token: token)
    #expect(response.status == 403)
    #expect(response.message == "API rate limit exceeded for installation ID 67890.")
    #expect(response.header("x-ratelimit-remaining") == "0")
    #expect(response.header("x-ratelimit-reset") == "1795000030")
    world.advance(by: 30)
    let later = world.send("GET", World.runners, token: token)
    #expect(later.status == 200)
    #expect(later.header("x-ratelimit-remaining") == "4999")
  }

  @Test func `asking for the rate limit is free`() throws {
    for _ in 0..<2 {
      let response = world.send("GET", "/api/v3/rate_limit", token: token)
      #expect(try response.object["rate"]?.object?["remaining"]?.integer == 5000)
      #expect(
        try response.object["resources"]?.object?["core"]?.object?["used"]?.integer == 0)
    }
  }

  @Test func `the App's own calls do not use up the installation's limit`() throws {
    _ = try world.installationToken()
    #expect(
      world.send("GET", World.runners, token: token).header("x-ratelimit-remaining") == "4999")
  }
}
