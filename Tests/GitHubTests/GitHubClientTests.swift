import Concurrency
import Foundation
import GitHub
import HTTPClient
import JOSE
import StrictJSON
import TestSupport
import Testing

/// The client against answers as GitHub's recordings have them.
@Suite struct GitHubClientTests {
  let world = ScriptedGitHub()
  var clock: FakeClock { world.clock }

  private func client(_ answer: @escaping ScriptedGitHub.Answer) throws -> GitHubClient {
    try world.client(answer: answer)
  }

  private static func json(
    _ status: Int, _ body: String, _ headers: [(name: String, value: String)] = []
  ) -> HTTPResponse {
    .json(status, body, headers)
  }

  private func failure(_ response: HTTPResponse) throws -> GitHubError? {
    do {
      _ = try client { _ in response }.makeRegistrationToken()
      return nil
    } catch let error as GitHubError {
      return error
    }
  }

  @Test func `an installation token is asked for with an App JWT that GitHub accepts`() throws {
    try client { _ in Self.json(500, "") }.checkCredentials()
    let request = try #require(world.requests.first)
    #expect(request.url == "https://api.github.com/app/installations/67890/access_tokens")
    let bearer = try #require(request.headers.first { $0.name == "Authorization" }?.value)
    let jws = try CompactJWS(String(bearer.dropFirst("Bearer ".count)))
    #expect(jws.header["alg"] == .string("RS256"))
    #expect(jws.header["typ"] == .string("JWT"))
    let claims = try #require(try JSONValue(parsing: jws.payload).object)
    let now = Int64(clock.date.timeIntervalSince1970)
    #expect(claims["iss"] == .string("12345"))
    #expect(claims["iat"] == .integer(now - 60))
    #expect(claims["exp"] == .integer(now + 540))
    let isValid = try ScriptedGitHub.keys.get()[0].publicKey().isValid(
      signature: jws.signature, over: jws.signingInput, algorithm: .rs256)
    #expect(isValid)
  }

  @Test func `every request names its client, its version and what it accepts`() throws {
    _ = try client { _ in Self.json(200, #"{"total_count":0,"runners":[]}"#) }.runner(name: "a")
    for request in world.requests {
      let headers = Dictionary(uniqueKeysWithValues: request.headers.map { ($0.name, $0.value) })
      #expect(headers["User-Agent"] == "runner-token-service")
      #expect(headers["X-GitHub-Api-Version"] == "2022-11-28")
      #expect(headers["Accept"] == "application/vnd.github+json")
      #expect(request.connectTimeout == .seconds(3))
      #expect(request.totalTimeout <= .seconds(10))
    }
  }

  @Test func `a registration token's expiry is read with fraction and offset`() throws {
    let token = try client { _ in
      Self.json(201, #"{"token":"XXXXXX","expires_at":"2025-02-17T21:11:49.260-08:00"}"#)
    }.makeRegistrationToken()
    #expect(token.token == "XXXXXX")
    #expect(abs(token.expiresAt.timeIntervalSince1970 - 1_739_855_509.26) < 0.001)
  }

  @Test func `an installation token is used until five minutes before it expires`() throws {
    let github = try client { _ in Self.json(204, "") }
    let expiry = try #require(
      try? Date.ISO8601FormatStyle().parse("2027-01-15T09:00:00Z"))
    try github.checkCredentials()
    clock.advance(by: expiry.timeIntervalSince(clock.date) - 301)
    try github.checkCredentials()
    #expect(world.requests.count == 1)
    clock.advance(by: 1)
    try github.checkCredentials()
    #expect(world.requests.count == 2)
  }

  @Test func `a runner is read as recorded, with or without newer members`() throws {
    let recorded = #"""
      {"total_count":1,"runners":[{"id":25640648,"name":"I-1","os":"Linux","status":"online","busy":true,
      "labels":[{"id":0,"name":"self-hosted","type":"read-only"}]}]}
      """#
    let runner = try client { _ in Self.json(200, recorded) }.runner(name: "i-1")
    #expect(runner?.id == 25_640_648)
    #expect(runner?.isOnline == true)
    #expect(runner?.busy == true)
  }

  @Test func `a runner that GitHub does not know is nil, and already gone`() throws {
    let github = try client { _ in Self.json(404, #"{"message":"Not Found","status":"404"}"#) }
    #expect(try github.runner(id: 7) == nil)
    #expect(try github.deleteRunner(id: 7) == false)
  }

  @Test func `a runner with a job is not deleted`() throws {
    let github = try client { _ in
      Self.json(422, #"{"message":"Bad request - Runner \"x\" is still running a job\""}"#)
    }
    #expect(throws: GitHubError.runnerBusy) { try github.deleteRunner(id: 7) }
  }

  @Test(arguments: ["", "{", "[]", #"{"token":7}"#, #"{"token":"secret","expires_at":"soon"}"#])
  func `a success that cannot be read is an error that does not quote it`(body: String) throws {
    guard case .unreadableAnswer(let reason) = try failure(Self.json(201, body)) else {
      Issue.record("accepted")
      return
    }
    #expect(!reason.contains("secret"))
  }

  @Test func `a request that never left is told from one that may have been done`() throws {
    // Two clients: what the first has learnt is no business of the second.
    let refused = try client { _ throws(HTTPClientError) in throw .cannotConnect("refused") }
    #expect(throws: GitHubError.unavailable("refused", mayHaveActed: false)) {
      try refused.makeRegistrationToken()
    }
    let late = try ScriptedGitHub().client { _ throws(HTTPClientError) in throw .timedOut }
    #expect(throws: GitHubError.unavailable("timed out", mayHaveActed: true)) {
      try late.makeRegistrationToken()
    }
  }
}
