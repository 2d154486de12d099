import Concurrency
import FastCGI
import Foundation
import HTTPClient
import StrictJSON
import TestSupport
import Testing

/// `OIDC_SINGLE_USE_TOKENS=true`
@Suite struct SingleUseTokenTests {
  let world: World

  init() throws {
    world = try World(hasSingleUseTokens: true)
  }

  private func token(_ id: String, subject: String = "alice") throws -> String {
    try world.token(subject, #"{"sub":"\#(subject)","jti":"\#(id)"}"#)
  }

  private func provision(_ name: String, _ token: String) -> Response {
    world.send(
      "POST", "/api/v1/runners/provision", token: token, body: #"{"runner_name":"\#(name)"}"#)
  }

  @Test func `a token provisions one runner and no second`() throws {
    let token = try token("t-1")
    #expect(provision("ci-1", token).status == 201)
    let second = provision("ci-2", token)
    #expect(second.problem == "401 INVALID_TOKEN")
    #expect(
      try second.object["detail"]
        == .string("The token has provisioned a runner already; get a new one for each."))
    #expect(second.header("WWW-Authenticate")?.contains(#"error="invalid_token""#) == true)
    #expect(try world.liveRunner("ci-2") == nil)
    let record = try #require(try world.auditLines().last)
    #expect(record["error_code"] == .string("INVALID_TOKEN"))
    #expect(record["event_data"]?.object?["jti"] == .string("t-1"))
    let entry = try #require(world.log.all.last)
    #expect(entry["cause"]?.contains("alreadyUsed") == true)
    #expect(entry["token_jti"] == "t-1")
    #expect(provision("ci-2", try self.token("t-2")).status == 201)
  }

  @Test func `nobody is asked on the strength of a used token`() throws {
    let token = try token("t-1")
    #expect(provision("ci-1", token).status == 201)
    let calls = world.calls("/api/v3")
    #expect(provision("ci-1", token).problem == "401 INVALID_TOKEN")
    #expect(world.calls("/api/v3") == calls)
  }

  @Test func `a token of the same content with another signature is the same token`() throws {
    // An ECDSA signature is different each time it is made, and can be rewritten without the key.
    #expect(provision("ci-1", try token("t-1")).status == 201)
    #expect(provision("ci-2", try token("t-1")).problem == "401 INVALID_TOKEN")
  }

  @Test func `a used token still shows its caller what they have`() throws {
    let token = try token("t-1")
    #expect(provision("ci-1", token).status == 201)
    #expect(world.send("GET", "/api/v1/runners/ci-1", token: token).status == 200)
    #expect(world.send("DELETE", "/api/v1/runners/ci-1", token: token).status == 204)
  }

  @Test func `a token without an id is refused`() throws {
    let token = try world.token("alice", #"{"sub":"alice","jti":null}"#)
    let response = provision("ci-1", token)
    #expect(response.problem == "401 INVALID_TOKEN")
    #expect(
      try response.object["detail"] == .string("The token has no usable jti claim."))
  }

  @Test func `thirty at once with one token get one runner`() throws {
    let token = try token("t-1")
    let statuses = Locked<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 30) { number in
      let status = provision("ci-\(number)", token).status
      statuses.withLock { $0.append(status) }
    }
    #expect(statuses.withLock { $0.count { $0 == 201 } } == 1)
    #expect(statuses.withLock { $0.count { $0 == 401 } } == 29)
  }

  @Test func `a token whose use came to nothing can be used again`() throws {
    let token = try token("t-1")
    world.fail("/registration-token", .timedOut)
    #expect(provision("ci-1", token).problem == "503 GITHUB_UNAVAILABLE")
    world.heal()
    #expect(provision("ci-1", token).status == 201)
    #expect(provision("ci-2", token).problem == "401 INVALID_TOKEN")
  }

  @Test func `a refusal does not use the token up`() throws {
    #expect(provision("ci-1", try token("t-1")).status == 201)
    let token = try token("t-2")
    #expect(provision("ci-1", token).problem == "409 RUNNER_NAME_CONFLICT")
    #expect(provision("ci-2", token).status == 201)
  }

  @Test func `a token that has expired is refused for that, and its id forgotten only later`()
    throws
  {
    let token = try token("t-1")
    #expect(provision("ci-1", token).status == 201)
    world.clock.advance(by: 3600)
    #expect(
      try provision("ci-2", token).object["detail"]
        == .string("The token has expired; get a new one."))
    // The id is free only long after every token that it stood in has expired.
    #expect(provision("ci-2", try self.token("t-2")).status == 201)
    #expect(provision("ci-3", try self.token("t-1")).problem == "401 INVALID_TOKEN")
    world.clock.advance(by: 90_000)
    #expect(provision("ci-4", try self.token("t-3")).status == 201)
    #expect(provision("ci-5", try self.token("t-1")).status == 201)
  }

  @Test func `without the setting a token is good for many`() throws {
    let world = try World()
    let token = try world.token("alice", #"{"sub":"alice","jti":"t-1"}"#)
    for name in ["ci-1", "ci-2"] {
      let response = world.send(
        "POST", "/api/v1/runners/provision", token: token, body: #"{"runner_name":"\#(name)"}"#)
      #expect(response.status == 201)
    }
  }
}
