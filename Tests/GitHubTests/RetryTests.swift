import Concurrency
import Foundation
import HTTPClient
import Testing

@testable import GitHub

@Suite struct RetryTests {
  private let world = ScriptedGitHub()

  private func jit(_ client: GitHubClient) throws(GitHubError) {
    _ = try client.makeJITConfiguration(
      name: "a", runnerGroupID: 1, labels: ["x"], workFolder: "_work")
  }

  @Test(arguments: [500, 502, 503, 504])
  func `what does no harm twice is tried again after a 5xx`(status: Int) throws {
    for work in [
      { _ = try $0.makeRegistrationToken() }, { _ = try $0.runner(id: 7) },
      { _ = try $0.deleteRunner(id: 7) }, { _ = try $0.runnerPage() },
    ] as [(GitHubClient) throws -> Void] {
      let world = ScriptedGitHub()
      let failures = Locked(2)
      let client = try world.client { request throws(HTTPClientError) in
        let fails = failures.withLock { left in
          defer { left -= 1 }
          return left > 0
        }
        if fails { return .json(status, "<html>") }
        switch request.method {
        case .post: return .registrationToken
        case .delete: return HTTPResponse(status: 204)
        case .get: return request.url.contains("per_page") ? .noRunners : .runner
        }
      }
      try work(client)
      #expect(world.calls.count == 3)
      #expect(world.pauses.count == 2)
    }
  }

  @Test(arguments: [HTTPClientError.timedOut, .broken("reset"), nil])
  func `a runner is never created twice`(lost: HTTPClientError?) throws {
    let client = try world.client { _ throws(HTTPClientError) in
      if let lost { throw lost }
      return .json(502, "<html>")
    }
    let error = gitHubError { () throws(GitHubError) in try jit(client) }
    #expect(error?.mayHaveActed == true)
    #expect(world.calls.count == 1)
  }

  @Test func `a request that never left is sent again, whatever it is`() throws {
    let client = try world.client { _ throws(HTTPClientError) in throw .cannotConnect("refused") }
    let error = gitHubError { () throws(GitHubError) in try jit(client) }
    #expect(error == .unavailable("refused", mayHaveActed: false))
    #expect(world.calls.count == 3)
  }

  @Test(arguments: [400, 403, 404, 422, 501])
  func `what another attempt cannot mend is tried once`(status: Int) throws {
    let client = try world.client { _ in .json(status, "{}") }
    #expect(throws: GitHubError.self) { try client.makeRegistrationToken() }
    #expect(world.calls.count == 1)
    #expect(world.pauses.isEmpty)
  }

  @Test func `minting an installation token is tried again`() throws {
    let isDown = Locked(true)
    let client = try world.client(mint: { _ throws(HTTPClientError) in
      let wasDown = isDown.withLock { isDown in
        defer { isDown = false }
        return isDown
      }
      return wasDown ? .json(500, "") : .installationToken()
    }) { _ in .noRunners }
    try client.checkCredentials()
    #expect(world.mints.count == 2)
  }

  @Test func `a short Retry-After is waited for, a long one is passed on`() throws {
    let short = try world.client(answers: [
      .json(503, "", [("retry-after", "2")]), .registrationToken,
    ])
    _ = try short.makeRegistrationToken()
    #expect(world.pauses == [.seconds(2)])

    let other = ScriptedGitHub()
    let long = try other.client { _ in .json(503, "", [("retry-after", "120")]) }
    let error = gitHubError { () throws(GitHubError) in try long.makeRegistrationToken() }
    #expect(error == .unavailable("status 503: no message", mayHaveActed: true, retryAfter: 120))
    #expect(other.calls.count == 1)
    #expect(other.pauses.isEmpty)
  }

  @Test func `no attempt is made that the budget has no time for`() throws {
    let client = try world.client { _ in .json(502, "") }
      .limited(until: .now + .milliseconds(400))
    #expect(throws: GitHubError.self) { try client.makeRegistrationToken() }
    #expect(world.calls.count == 1)
    #expect(world.pauses.isEmpty)
  }

  @Test func `once the budget is used up nothing is sent`() throws {
    let client = try world.client { _ in .registrationToken }
    try client.checkCredentials()
    #expect(
      throws: GitHubError.unavailable("no time was left for the request", mayHaveActed: false)
    ) {
      try client.limited(until: .now - .seconds(1)).makeRegistrationToken()
    }
    #expect(world.calls.isEmpty)
  }

  // MARK: - The policy

  private func pause(
    attempts: Int = 1, isRepeatable: Bool = true, mayHaveActed: Bool = true,
    retryAfter: Int? = nil, timeLeft: Duration? = nil, jitter: Double = 1
  ) -> Duration? {
    RetryPolicy.pause(
      after: .init(mayHaveActed: mayHaveActed, retryAfter: retryAfter), attempts: attempts,
      isRepeatable: isRepeatable, timeLeft: timeLeft, jitter: jitter)
  }

  @Test func `pauses double, and chance shortens them by half at most`() {
    #expect(pause(attempts: 1) == .milliseconds(200))
    #expect(pause(attempts: 2) == .milliseconds(400))
    #expect(pause(attempts: 1, jitter: 0) == .milliseconds(100))
    #expect(pause(attempts: 3) == nil)
  }

  @Test func `what GitHub asks for goes before our own pause, unless it is too long`() {
    #expect(pause(retryAfter: 0) == .milliseconds(200))
    #expect(pause(retryAfter: 2) == .seconds(2))
    #expect(pause(retryAfter: 3) == nil)
    #expect(pause(retryAfter: .max) == nil)
  }

  @Test func `the pause and an attempt fit into the time that is left`() {
    #expect(pause(timeLeft: .milliseconds(700)) == .milliseconds(200))
    #expect(pause(timeLeft: .milliseconds(699)) == nil)
    #expect(pause(timeLeft: .seconds(-1)) == nil)
  }

  @Test func `only what did not happen is repeated where twice does harm`() {
    #expect(pause(isRepeatable: false, mayHaveActed: true) == nil)
    #expect(pause(isRepeatable: false, mayHaveActed: false) != nil)
  }
}
