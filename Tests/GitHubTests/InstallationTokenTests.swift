import Concurrency
import Foundation
import GitHub
import HTTPClient
import TestSupport
import Testing

@Suite struct InstallationTokenTests {
  private let world = ScriptedGitHub()
  private static let badCredentials = HTTPResponse.message(401, "Bad credentials")

  /// Mints tokens named by a number.
  private func client(_ answer: @escaping ScriptedGitHub.Answer) throws -> GitHubClient {
    let count = Locked(0)
    return try world.client(
      mint: { _ throws(HTTPClientError) in
        let number = count.withLock { count in
          count += 1
          return count
        }
        return .installationToken("token-\(number)", expiresAt: "2027-01-16T09:00:00Z")
      }, answer: answer)
  }

  @Test func `a fresh token that is not known everywhere yet is tried again, not thrown away`()
    throws
  {
    let answers = Locked([Self.badCredentials, Self.badCredentials, .registrationToken])
    let client = try client { _ throws(HTTPClientError) in answers.withLock { $0.removeFirst() } }
    _ = try client.makeRegistrationToken()
    #expect(world.calls.map(\.bearer) == ["token-1", "token-1", "token-1"])
    #expect(world.pauses == [.seconds(1), .seconds(2)])
    #expect(world.mints.count == 1)
  }

  @Test func `a runner is created once although its token was not known at first`() throws {
    let jit = HTTPResponse.json(
      201,
      #"{"runner":{"id":7,"name":"a","os":"unknown","status":"offline","busy":false,"labels":[]},"encoded_jit_config":"x"}"#
    )
    let answers = Locked([Self.badCredentials, jit])
    let client = try client { _ throws(HTTPClientError) in answers.withLock { $0.removeFirst() } }
    let made = try client.makeJITConfiguration(
      name: "a", runnerGroupID: 1, labels: ["x"], workFolder: "_work")
    #expect(made.runner.id == 7)
  }

  @Test func `an older token that GitHub has revoked is replaced once`() throws {
    let client = try client { request throws(HTTPClientError) in
      request.bearer == "token-1" ? Self.badCredentials : .registrationToken
    }
    try client.checkCredentials()
    world.clock.advance(by: 5)
    _ = try client.makeRegistrationToken()
    #expect(world.calls.map(\.bearer) == ["token-1", "token-2"])
    #expect(world.pauses.isEmpty)
  }

  @Test func `a token that is never accepted is given up after seconds`() throws {
    let client = try client { _ in Self.badCredentials }
    #expect(throws: GitHubError.credentialsRejected("Bad credentials")) {
      try client.makeRegistrationToken()
    }
    // Three repetitions in all, two tokens.
    #expect(world.pauses == [.seconds(1), .seconds(2), .seconds(3)])
    #expect(world.mints.count == 2)
    #expect(world.calls.count == 5)
  }

  @Test func `a fresh token is not waited for longer than the budget`() throws {
    let client = try client { _ in Self.badCredentials }
    #expect(throws: GitHubError.credentialsRejected("Bad credentials")) {
      try client.limited(until: .now + .seconds(1)).makeRegistrationToken()
    }
    #expect(world.pauses.isEmpty)
  }

  @Test func `a token of the newer and longer kind is used as it is`() throws {
    let token = "ghs_12345_" + String(repeating: "eyJ0.eXAi-_", count: 47)
    let client = try world.client(mint: { _ in .installationToken(token) }) { _ in .noRunners }
    _ = try client.runnerPage()
    #expect(world.calls.first?.bearer == token)
  }

  @Test func `sixty callers on an expired token make one mint`() throws {
    let allAreThere = DispatchSemaphore(value: 0)
    let expiries = Locked(["2027-01-15T09:00:00Z", "2027-01-15T12:00:00Z"])
    let client = try world.client(mint: { _ throws(HTTPClientError) in
      let expiry = expiries.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
      // The second one lasts until all callers stand at the door.
      if expiry.contains("T12") { _ = allAreThere.wait(timeout: .now() + 10) }
      return .installationToken(expiresAt: expiry)
    }) { _ in .registrationToken }
    try client.checkCredentials()
    world.clock.advance(by: 3 * 3600)

    let (arrived, tokens) = (Locked(0), Locked(0))
    let done = DispatchGroup()
    for _ in 0..<60 {
      done.enter()
      Thread.detachNewThread {
        let place = arrived.withLock { arrived in
          arrived += 1
          return arrived
        }
        if place == 60 { allAreThere.signal() }
        if (try? client.makeRegistrationToken()) != nil { tokens.withLock { $0 += 1 } }
        done.leave()
      }
    }
    #expect(done.wait(timeout: .now() + 20) == .success)
    #expect(tokens.withLock { $0 } == 60)
    #expect(world.mints.count == 2)
  }
}
