import FastCGI
import Foundation
import HTTPClient
import StrictJSON
import TestSupport
import Testing

@Suite struct AuthenticationTests {
  private func me(_ world: World, _ claims: String) throws -> JSONObject {
    let token = try world.token("", claims)
    return try world.send("GET", "/api/v1/auth/me", token: token).object
  }

  @Test func `a caller sees who the service takes them for`() throws {
    let world = try World()
    _ = try world.provision()
    let body = try world.send("GET", "/api/v1/auth/me", token: try world.token()).object
    #expect(body["identity"] == .string("alice@example.com"))
    #expect(body["issuer"] == .string("http://127.0.0.1:9000/oidc"))
    #expect(body["subject"] == .string("alice"))
    #expect(body["admin"] == .bool(false))
    #expect(body["quota"]?.object?["used"] == .integer(1))
    #expect(body["label_policy"]?.object?["verdict"] == .string("allow"))
  }

  @Test(arguments: [
    (#"{"sub":"x","email":"a@b.c","email_verified":true}"#, "a@b.c"),
    (#"{"sub":"x","email":"a@b.c","email_verified":false}"#, "sub:x"),
    (#"{"sub":"x","email":"a@b.c","email_verified":"true"}"#, "sub:x"),
    (#"{"sub":"x","email":"a@b.c"}"#, "sub:x"),
    (#"{"sub":"a@b.c"}"#, "sub:a@b.c"),
    (#"{"sub":"x","email":7,"email_verified":true}"#, "sub:x"),
    (#"{"sub":"x","email":"","email_verified":true}"#, "sub:x"),
    (#"{"sub":"x","email":"sub:y","email_verified":true}"#, "sub:x"),
    (#"{"sub":"x","email":" ","email_verified":true}"#, "sub:x"),
    (#"{"sub":"x","email":"\u202eevil@b.c","email_verified":true}"#, "sub:x"),
  ])
  func `an address counts as the identity only when it is verified`(
    claims: String, identity: String
  ) throws {
    #expect(try me(World(), claims)["identity"] == .string(identity))
  }

  @Test func `another claim can be the identity`() throws {
    #expect(
      try me(World(identityClaim: "sub"), #"{"sub":"x","email":"a@b.c"}"#)["identity"]
        == .string("x"))
    #expect(
      try me(World(identityClaim: "login"), #"{"sub":"x","login":"octo"}"#)["identity"]
        == .string("octo"))
  }

  @Test(arguments: [
    (#"{"sub":"x","email":"root@b.c","email_verified":true}"#, true),
    (#"{"sub":"x","email":"root@b.c","email_verified":false}"#, false),
    (#"{"sub":"x","email":"Root@b.c","email_verified":true}"#, false),
    (#"{"sub":"root@b.c"}"#, false),
    (#"{"sub":"x","groups":["staff","runner-admins"]}"#, true),
    (#"{"sub":"x","groups":"runner-admins"}"#, true),
    (#"{"sub":"x","groups":["runner-adminsx"]}"#, false),
    (#"{"sub":"x","groups":{"runner-admins":true}}"#, false),
  ])
  func `an admin is who the configuration names`(claims: String, isAdmin: Bool) throws {
    let world = try World(adminIdentities: ["root@b.c"])
    #expect(try me(world, claims)["admin"] == .bool(isAdmin))
  }

  @Test(arguments: [
    [], ["Basic eDp5"], ["Bearer"], ["Bearer "], ["Bearer  x"], ["bearer x y"],
    ["Bearer \u{E9}"], ["Bearer x", "Bearer y"],
  ])
  func `without exactly one bearer token a caller is told to send one`(headers: [String]) throws {
    let world = try World()
    let response = world.send(
      "GET", "/api/v1/auth/me", parameters: headers.map { ("HTTP_AUTHORIZATION", $0) })
    #expect(response.problem == "401 UNAUTHENTICATED")
    #expect(response.header("WWW-Authenticate") == #"Bearer realm="runner-token-service""#)
  }

  @Test func `a token that is no good is told apart, and why`() throws {
    let world = try World()
    let token = try world.token()
    world.clock.advance(by: 3600)
    let response = world.send("GET", "/api/v1/auth/me", token: token)
    #expect(response.problem == "401 INVALID_TOKEN")
    #expect(
      response.header("WWW-Authenticate")
        == #"Bearer realm="runner-token-service", error="invalid_token", "#
        + #"error_description="The token has expired; get a new one.""#)
  }

  @Test(arguments: ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "'; DROP TABLE runners;--"])
  func `garbage is refused without a fetch or a trace in the database`(token: String) throws {
    let world = try World()
    let response = world.send(
      "POST", "/api/v1/runners/provision", token: token, body: #"{"runner_name":"a"}"#)
    #expect(response.status == 401)
    #expect(world.calls("/") == 0)
    #expect(try world.auditEvents().isEmpty)
  }

  @Test func `the identity provider down is our fault and not the caller's`() throws {
    let world = try World()
    world.fail("/oidc", .timedOut)
    let response = world.send("GET", "/api/v1/auth/me", token: try world.token())
    #expect(response.problem == "503 IDENTITY_PROVIDER_UNAVAILABLE")
    #expect(response.header("Retry-After") == "5")
    #expect(response.header("WWW-Authenticate") == nil)
  }

  @Test func `with authentication disabled only this machine gets in, and is warned`() throws {
    let world = try World(isAuthenticated: false)
    let local = world.send("GET", "/api/v1/auth/me", parameters: [("REMOTE_ADDR", "127.0.0.1")])
    #expect(local.status == 200)
    #expect(try local.object["identity"] == .string("dev-user"))
    #expect(local.header("Warning") == "299 - \"authentication is disabled\"")
    #expect(
      world.send("GET", "/api/v1/auth/me", parameters: [("REMOTE_ADDR", "192.0.2.7")]).problem
        == "401 UNAUTHENTICATED")
    #expect(
      world.send(
        "GET", "/api/v1/auth/me",
        parameters: [("REMOTE_ADDR", "192.0.2.7"), ("HTTP_X_FORWARDED_FOR", "127.0.0.1")]
      ).problem == "401 UNAUTHENTICATED")
  }
}
