import FastCGI
import Foundation
import HTTPClient
import JOSE
import OIDC
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
    (#"{"sub":"x","email":"a@b.c\u3164","email_verified":true}"#, "sub:x"),
    (#"{"sub":"x","email":"a@b.c\ufe0f","email_verified":true}"#, "sub:x"),
    (#"{"sub":"x","email":"a@b.c\u2800","email_verified":true}"#, "sub:x"),
    (#"{"sub":"x","email":"\u00e9@b.c","email_verified":true}"#, "\u{E9}@b.c"),
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

  // MARK: - Several providers

  private static let machines = "https://machines.example"

  /// The simulator's provider for people, and a second one for machines.
  private func worldWithMachines(adminIdentities: [String] = []) throws -> (
    World, FakeIdentityProvider
  ) {
    let machines = try FakeIdentityProvider(issuer: Self.machines)
    let world = try World(
      adminIdentities: adminIdentities,
      otherProviders: [
        Provider(
          name: "machines", issuer: machines.issuer, audiences: ["runner-token-service"],
          identityClaim: "repository")
      ], elsewhere: machines.http)
    return (world, machines)
  }

  private func machine(
    _ claims: [String: String?], _ machines: FakeIdentityProvider, _ world: World
  ) throws -> JSONObject {
    let token = try machines.token(at: world.clock.date, claims: claims)
    return try world.send("GET", "/api/v1/auth/me", token: token).object
  }

  @Test func `an identity from another provider than the first carries its name`() throws {
    let (world, machines) = try worldWithMachines()
    let body = try machine(["repository": #""acme/tools""#], machines, world)
    #expect(body["identity"] == .string("machines:acme/tools"))
    #expect(try machine([:], machines, world)["identity"] == .string("machines:sub:alice"))
    #expect(try me(world, #"{"sub":"x"}"#)["identity"] == .string("sub:x"))
  }

  @Test(arguments: [
    "machines:acme/tools", "sub:x", "cli:root", "Machines:acme/tools", "SUB:x", "default:x",
  ])
  func `nobody can be named like a caller of another provider`(email: String) throws {
    let (world, _) = try worldWithMachines()
    let claims = #"{"sub":"x","email":"\#(email)","email_verified":true}"#
    #expect(try me(world, claims)["identity"] == .string("sub:x"))
  }

  @Test func `nor by a subject, where the subject is the name`() throws {
    let world = try World(
      identityClaim: "sub",
      otherProviders: [
        Provider(name: "machines", issuer: Self.machines, audiences: ["runner-token-service"])
      ])
    #expect(try me(world, #"{"sub":"machines:a"}"#)["identity"] == .string("sub:machines:a"))
    #expect(
      try me(world, #"{"sub":"sub:machines:a"}"#)["identity"] == .string("sub:sub:machines:a"))
    #expect(try me(world, #"{"sub":"people:a"}"#)["identity"] == .string("people:a"))
  }

  @Test func `the claim that makes admins is believed from the first provider only`() throws {
    let (world, machines) = try worldWithMachines(adminIdentities: ["machines:acme/admin"])
    let groups = #"["runner-admins"]"#
    #expect(try me(world, #"{"sub":"x","groups":\#(groups)}"#)["admin"] == .bool(true))
    #expect(try machine(["groups": groups], machines, world)["admin"] == .bool(false))
    #expect(
      try machine(["repository": #""acme/admin""#], machines, world)["admin"] == .bool(true))
  }

  @Test func `the same subject at two providers is two callers`() throws {
    let (world, machines) = try worldWithMachines()
    #expect(try world.provision(#"{"runner_name":"ci-1"}"#, as: "alice").status == 201)
    let token = try machines.token(at: world.clock.date, claims: ["sub": #""alice""#])
    #expect(
      world.send("GET", "/api/v1/runners/ci-1", token: token).problem == "404 RUNNER_NOT_FOUND")
    let own = world.send("GET", "/api/v1/runners/ci-1", token: try world.token("alice"))
    #expect(own.status == 200)
  }

  @Test func `a second provider that is down does not make the service unready`() throws {
    let (world, machines) = try worldWithMachines()
    machines.fail(.timedOut)
    let response = world.send("GET", "/health/ready")
    #expect(response.status == 200)
    let checks = try response.object["checks"]?.object
    #expect(checks?["oidc_keys"] == .string("ok"))
    #expect(checks?["oidc_keys_machines"] == .string("degraded"))
  }

  @Test func `stale keys are told from missing ones`() throws {
    let world = try World()
    #expect(world.send("GET", "/api/v1/auth/me", token: try world.token()).status == 200)
    world.fail("/oidc", .timedOut)
    world.clock.advance(by: 700)
    let response = world.send("GET", "/health/ready")
    #expect(response.status == 200)
    #expect(try response.object["checks"]?.object?["oidc_keys"] == .string("stale"))
    #expect(world.send("GET", "/api/v1/auth/me", token: try world.token()).status == 200)
  }

  // MARK: - What is logged

  @Test func `the log says what a refused token says of itself, and never the token`() throws {
    let world = try World()
    let token = try world.token("mallory", #"{"sub":"mallory","jti":"t-1","aud":"elsewhere"}"#)
    let response = world.send("GET", "/api/v1/auth/me", token: token)
    #expect(response.problem == "401 INVALID_TOKEN")
    let entry = try #require(world.log.all.last)
    #expect(entry["token_iss"] == "http://127.0.0.1:9000/oidc")
    #expect(entry["token_sub"] == "mallory")
    #expect(entry["token_jti"] == "t-1")
    #expect(entry["token_alg"] == "RS256")
    #expect(entry["token_kid"]?.isEmpty == false)
    #expect(try entry["token_sha256"] == Digest.sha256Hex(Array(token.utf8)))
    #expect(entry["cause"]?.contains("wrongAudience") == true)
    let signature = try #require(token.split(separator: ".").last)
    for entry in world.log.all {
      #expect(!entry.values.contains { $0.contains(signature) })
    }
    #expect(!response.text.contains(signature))
  }

  @Test func `the log of an accepted token has nothing of it`() throws {
    let world = try World()
    #expect(world.send("GET", "/api/v1/auth/me", token: try world.token()).status == 200)
    let entry = try #require(world.log.all.last)
    #expect(entry["status"] == "200")
    #expect(entry.keys.allSatisfy { !$0.hasPrefix("token_") })
  }

  @Test(arguments: [
    ("GET", "/api/v1/auth/me?access_token=TOKEN", nil),
    ("POST", "/api/v1/runners/provision", "access_token=TOKEN"),
  ])
  func `a token anywhere but in the header counts as none`(
    method: String, uri: String, form: String?
  ) throws {
    let world = try World()
    let token = try world.token()
    let response = world.send(
      method, uri.replacingOccurrences(of: "TOKEN", with: token),
      body: form?.replacingOccurrences(of: "TOKEN", with: token),
      parameters: form == nil ? [] : [("CONTENT_TYPE", "application/x-www-form-urlencoded")])
    #expect(response.status >= 400)
    #expect(!response.text.contains(token))
    #expect(try world.auditEvents().isEmpty)
  }

  @Test func `what a token says of itself is cut before it is logged`() throws {
    let world = try World()
    // One character for a reader, however many accents it has.
    let id = "a" + String(repeating: "\u{301}", count: 1500)
    let token = try world.token("x", #"{"sub":"x","aud":"elsewhere","jti":"\#(id)"}"#)
    #expect(world.send("GET", "/api/v1/auth/me", token: token).status == 401)
    #expect(world.log.all.last?["token_jti"]?.unicodeScalars.count == 255)
  }

  @Test func `a look-alike of the claim that makes admins is refused`() throws {
    let world = try World()
    let token = try world.token("x", #"{"sub":"x","Groups":["runner-admins"]}"#)
    #expect(
      world.send("GET", "/api/v1/auth/me", token: token).problem == "401 INVALID_TOKEN")
    #expect(try me(world, #"{"sub":"x","Teams":["runner-admins"]}"#)["admin"] == .bool(false))
  }
}
