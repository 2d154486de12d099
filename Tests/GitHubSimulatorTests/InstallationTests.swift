import FastCGI
import Foundation
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct InstallationTests {
  let world: World

  init() throws {
    world = try World()
  }

  private func createToken(installation: Int = 67_890, body: String = "") throws -> Response {
    world.send(
      "POST", "/api/v3/app/installations/\(installation)/access_tokens",
      token: try world.appJWT(), body: body)
  }

  @Test func `an installation token is long, structured and valid for an hour`() throws {
    let response = try createToken()
    #expect(response.status == 201)
    let answer = try response.object
    let token = try #require(answer["token"]?.string)
    #expect(token.hasPrefix("ghs_12345_"))
    #expect((500...560).contains(token.count))
    #expect(token.filter { $0 == "." }.count == 2)
    #expect(answer["expires_at"]?.string == "2026-11-18T12:06:40Z")
    #expect(answer["repository_selection"]?.string == "all")
    #expect(
      answer["permissions"]?.object?["organization_self_hosted_runners"]?.string == "write")
    #expect(answer["permissions"]?.object?["metadata"]?.string == "read")
    #expect(world.send("GET", World.runners, token: token).status == 200)
    world.advance(by: 3600)
    #expect(world.send("GET", World.runners, token: token).message == "Bad credentials")
  }

  @Test func `an unknown installation is not found`() throws {
    #expect(try createToken(installation: 1).status == 404)
  }

  @Test func `permissions that were not granted are refused`() throws {
    #expect(try createToken(body: #"{"permissions":{"issues":"read"}}"#).status == 422)
    let response = try createToken(body: #"{"permissions":"invalid_data"}"#)
    #expect(response.status == 400)
    #expect(response.message == "Problems parsing JSON")
  }

  @Test func `a token that was narrowed to reading cannot write`() throws {
    let token = try world.installationToken(
      #"{"permissions":{"organization_self_hosted_runners":"read"}}"#)
    #expect(world.send("GET", World.runners, token: token).status == 200)
    let response = world.send("POST", World.runners + "/registration-token", token: token)
    #expect(response.status == 403)
    #expect(response.message == "Resource not accessible by integration")
    #expect(
      response.header("X-Accepted-GitHub-Permissions") == "organization_self_hosted_runners=write")
  }

  @Test func `a suspended installation is shown but gets no token and may not use one`() throws {
    let token = try world.installationToken()
    try world.control("POST", "/installation", #"{"suspended":true}"#)
    let response = try createToken()
    #expect(response.status == 403)
    #expect(response.message == "This installation has been suspended")
    let use = world.send("GET", World.runners, token: token)
    #expect(use.status == 403)
    #expect(use.message?.contains("suspended") == true)
    let shown = world.send(
      "GET", "/api/v3/orgs/demo-org/installation", token: try world.appJWT())
    #expect(try shown.object["suspended_at"]?.string == "2026-11-18T11:06:40Z")
    try world.control("POST", "/installation", #"{"suspended":false}"#)
    #expect(try createToken().status == 201)
  }

  @Test(arguments: ["/orgs/Demo-Org/installation", "/app/installations/67890"])
  func `the installation is found by organization and by id`(path: String) throws {
    let response = world.send("GET", "/api/v3" + path, token: try world.appJWT())
    let installation = try response.object
    #expect(installation["id"]?.integer == 67_890)
    #expect(installation["suspended_at"] == .null)
    #expect(installation["single_file_name"] == .null)
    #expect(
      installation["access_tokens_url"]?.string
        == "http://127.0.0.1:8080/api/v3/app/installations/67890/access_tokens")
    #expect(installation["account"]?.object?["login"]?.string == "demo-org")
  }

  @Test func `an organization without the App is not found`() throws {
    let path = "/api/v3/orgs/other-org"
    #expect(
      world.send("GET", path + "/installation", token: try world.appJWT()).status == 404)
    #expect(
      world.send("GET", path + "/actions/runners", token: try world.installationToken()).status
        == 404)
  }

  @Test func `an App JWT does not open the runner endpoints`() throws {
    let response = world.send("GET", World.runners, token: try world.appJWT())
    #expect(response.status == 401)
    #expect(response.message == "Bad credentials")
  }

  @Test func `the token scheme works for installation tokens`() throws {
    let token = try world.installationToken()
    let response = world.send(
      "GET", World.runners, headers: ["Authorization": "token \(token)"])
    #expect(response.status == 200)
  }

  @Test func `revoked tokens are bad credentials`() throws {
    let token = try world.installationToken()
    try world.control("POST", "/tokens/revoke")
    #expect(world.send("GET", World.runners, token: token).message == "Bad credentials")
  }
}
