import Concurrency
import Foundation
import GitHub
import HTTPClient
import JOSE
import StrictJSON
import TestSupport
import Testing

/// How the client proves itself: with a clock that is off, and while one key replaces the other.
@Suite struct AppProofTests {
  private let world = ScriptedGitHub()
  private static let app = HTTPResponse.json(200, #"{"slug":"x","permissions":{},"events":[]}"#)

  private static func issueTime(_ request: HTTPRequest) throws -> Int64? {
    let jws = try CompactJWS(try #require(request.bearer))
    return try JSONValue(parsing: jws.payload).object?["iat"]?.integer
  }

  /// Which of the keys signed a request.
  private static func signer(_ request: HTTPRequest) throws -> Int? {
    let jws = try CompactJWS(try #require(request.bearer))
    return try ScriptedGitHub.keys.get().firstIndex { key in
      try key.publicKey().isValid(
        signature: jws.signature, over: jws.signingInput, algorithm: .rs256)
    }
  }

  // MARK: - The clock

  private static let clockMessages = [
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    "'Expiration time' claim ('exp') is too far in the future",
  ]

  @Test(arguments: clockMessages)
  func `a clock that is off is made up for by GitHub's own time, once`(message: String) throws {
    // 1 900 000 000.
    let date = ("date", "Sun, 17 Mar 2030 17:46:40 GMT")
    let client = try world.client(answers: [.message(401, message, [date]), Self.app])
    #expect(try client.app().slug == "x")
    #expect(try world.calls.map(Self.issueTime) == [1_799_999_940, 1_899_999_940])

    let deaf = ScriptedGitHub()
    let refused = try deaf.client { _ in .message(401, message, [date]) }
    #expect(throws: GitHubError.clockRejected(message)) { try refused.app() }
    #expect(deaf.calls.count == 2)
  }

  @Test(arguments: [[], [(name: "date", value: "yesterday")]])
  func `without GitHub's time there is nothing to make up with`(
    headers: [(name: String, value: String)]
  ) throws {
    let client = try world.client { _ in .message(401, Self.clockMessages[0], headers) }
    #expect(throws: GitHubError.clockRejected(Self.clockMessages[0])) { try client.app() }
    #expect(world.calls.count == 1)
  }

  @Test func `another 401 is not taken for a matter of the clock`() throws {
    let date = ("date", "Sun, 17 Mar 2030 17:46:40 GMT")
    let client = try world.client { _ in .message(401, "Bad credentials", [date]) }
    #expect(throws: GitHubError.credentialsRejected("Bad credentials")) { try client.app() }
    #expect(world.calls.count == 1)
  }

  @Test func `a token's life is measured by GitHub's clock`() throws {
    // Ours says 2027-01-15T08:00, GitHub's an hour and a half more; its token lives for an hour.
    let client = try world.client(mint: { _ in
      .installationToken(
        expiresAt: "2027-01-15T10:30:00Z", [("date", "Fri, 15 Jan 2027 09:30:00 GMT")])
    }) { _ in .noRunners }
    try client.checkCredentials()
    #expect(client.clockDifference == 5400)
    world.clock.advance(by: 3299)
    try client.checkCredentials()
    #expect(world.mints.count == 1)
    world.clock.advance(by: 1)
    try client.checkCredentials()
    #expect(world.mints.count == 2)
  }

  // MARK: - The keys

  private static let undecodable = HTTPResponse.message(
    401, "A JSON web token could not be decoded")

  /// GitHub as one that knows one of our keys.
  private func client(knownKey: Locked<Int>) throws -> GitHubClient {
    try world.client(keys: 2) { request throws(HTTPClientError) in
      let known = knownKey.withLock { $0 }
      return (try? Self.signer(request)) == known ? Self.app : Self.undecodable
    }
  }

  @Test func `where GitHub does not know the first key the other proves us from then on`() throws {
    let knownKey = Locked(1)
    let client = try client(knownKey: knownKey)
    _ = try client.app()
    _ = try client.limited(until: .now + .seconds(5)).app()
    #expect(try world.calls.map(Self.signer) == [0, 1, 1])
    knownKey.withLock { $0 = 0 }
    _ = try client.app()
    _ = try client.app()
    #expect(try world.calls.map(Self.signer) == [0, 1, 1, 1, 0, 0])
  }

  @Test func `the first key alone is used while GitHub knows it`() throws {
    let client = try client(knownKey: Locked(0))
    _ = try client.app()
    #expect(try world.calls.map(Self.signer) == [0])
  }

  @Test func `where GitHub knows neither key each was tried once`() throws {
    let client = try client(knownKey: Locked(2))
    #expect(throws: GitHubError.credentialsRejected("A JSON web token could not be decoded")) {
      try client.app()
    }
    #expect(try world.calls.map(Self.signer) == [0, 1])
  }

  @Test func `another 401 is no reason to try the other key`() throws {
    let client = try world.client(keys: 2) { _ in .message(401, "Bad credentials") }
    #expect(throws: GitHubError.self) { try client.app() }
    #expect(world.calls.count == 1)
  }

  @Test func `an installation token is minted with the key that GitHub knows`() throws {
    let client = try world.client(
      keys: 2,
      mint: { request throws(HTTPClientError) in
        (try? Self.signer(request)) == 1 ? .installationToken() : Self.undecodable
      }
    ) { _ in .noRunners }
    try client.checkCredentials()
    #expect(try world.mints.map(Self.signer) == [0, 1])
  }
}
