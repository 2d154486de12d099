import Concurrency
import Foundation
import GitHub
import HTTPClient
import TestSupport
import Testing

@Suite struct RateLimitTests {
  private let world = ScriptedGitHub()

  private static func headers(_ changes: [String: String?] = [:]) -> [(name: String, value: String)]
  {
    var headers: [String: String?] = [
      "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4975",
      "x-ratelimit-reset": "1800001200", "x-ratelimit-resource": "core",
    ]
    headers.merge(changes) { $1 }
    return headers.compactMap { name, value in value.map { (name: name, value: $0) } }
  }

  private static func answer(_ changes: [String: String?] = [:]) -> HTTPResponse {
    .json(200, #"{"total_count":0,"runners":[]}"#, headers(changes))
  }

  @Test func `the last reading is known to every copy of the client`() throws {
    let client = try world.client { _ in Self.answer() }
    #expect(client.rateLimit == nil)
    _ = try client.limited(until: .now + .seconds(10)).runnerPage()
    let reading = try #require(client.rateLimit)
    #expect(reading.limit == 5000)
    #expect(reading.remaining == 4975)
    #expect(reading.resetAt == Date(timeIntervalSince1970: 1_800_001_200))
  }

  @Test(
    arguments: [
      ["x-ratelimit-limit": "0"], ["x-ratelimit-limit": nil], ["x-ratelimit-limit": "many"],
      ["x-ratelimit-limit": "99999999999999999999"], ["x-ratelimit-remaining": "-1"],
      ["x-ratelimit-remaining": "5001"], ["x-ratelimit-remaining": nil],
      ["x-ratelimit-reset": "0"], ["x-ratelimit-reset": "9223372036854775807"],
      ["x-ratelimit-reset": "1.8e9"], ["x-ratelimit-resource": "actions_runner_registration"],
    ] as [[String: String?]])
  func `a reading that cannot be true, or is of another limit, is ignored`(
    changes: [String: String?]
  ) throws {
    let client = try world.client { _ in Self.answer(changes) }
    _ = try client.runnerPage()
    #expect(client.rateLimit == nil)
  }

  @Test func `an older server, which names no resource, means the limit of all`() throws {
    let client = try world.client { _ in Self.answer(["x-ratelimit-resource": nil]) }
    _ = try client.runnerPage()
    #expect(client.rateLimit?.limit == 5000)
  }

  @Test func `what counts for the App is not taken for the installation's`() throws {
    let app = HTTPResponse.json(
      200, #"{"slug":"x","permissions":{},"events":[]}"#, Self.headers())
    let client = try world.client { _ in app }
    _ = try client.app()
    #expect(client.rateLimit == nil)
  }

  @Test func `nobody asks again while GitHub has said to wait`() throws {
    let isOver = Locked(false)
    let client = try world.client { _ throws(HTTPClientError) in
      isOver.withLock { $0 }
        ? .noRunners : .message(403, "secondary rate limit", [("retry-after", "17")])
    }
    #expect(throws: GitHubError.rateLimited(retryAfter: 17)) { try client.runnerPage() }
    world.clock.advance(by: 10)
    #expect(throws: GitHubError.rateLimited(retryAfter: 7)) { try client.runnerPage() }
    #expect(world.calls.count == 1)
    isOver.withLock { $0 = true }
    world.clock.advance(by: 7)
    _ = try client.runnerPage()
    #expect(world.calls.count == 2)
  }

  @Test func `what GitHub says to the installation does not hold up the App`() throws {
    let client = try world.client { request throws(HTTPClientError) in
      request.url.hasSuffix("/app")
        ? .json(200, #"{"slug":"x","permissions":{},"events":[]}"#) : .message(429, "")
    }
    #expect(throws: GitHubError.rateLimited(retryAfter: 60)) { try client.runnerPage() }
    #expect(try client.app().slug == "x")
  }

  @Test func `GitHub is believed for an hour at most`() throws {
    let client = try world.client(answers: [
      .message(429, "", [("retry-after", "86400")]), .noRunners,
    ])
    #expect(throws: GitHubError.rateLimited(retryAfter: 86_400)) { try client.runnerPage() }
    world.clock.advance(by: 3600)
    _ = try client.runnerPage()
  }
}
