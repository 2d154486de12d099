import Concurrency
import Foundation
import GitHub
import HTTPClient
import JOSE
import TestSupport
import Testing

@Suite struct RateLimitReadingTests {
  private static let key = Result { try PrivateKey(generating: .rsa) }

  /// A client whose calls to runners are answered with each of these headers in turn.
  private func client(_ answers: [[String: String]]) throws -> GitHubClient {
    let left = Locked(answers)
    let clock = FakeClock()
    let http = HTTPClient { request throws(HTTPClientError) in
      if request.url.hasSuffix("/access_tokens") {
        let body = #"{"token":"ghs_1","expires_at":"2027-01-15T09:00:00Z"}"#
        return HTTPResponse(
          status: 201, headers: [("x-ratelimit-limit", "1")], body: Array(body.utf8))
      }
      let headers = left.withLock { $0.removeFirst() }.map { ($0.key, $0.value) }
      return HTTPResponse(status: 404, headers: headers)
    }
    return GitHubClient(
      apiURL: "https://api.github.com", organization: "demo-org",
      credentials: AppCredentials(
        appID: "12345", installationID: 67890, privateKey: try Self.key.get()),
      http: http, now: clock.now)
  }

  private static func headers(_ remaining: String, resource: String? = nil) -> [String: String] {
    var headers = [
      "x-ratelimit-limit": "5000", "x-ratelimit-remaining": remaining,
      "x-ratelimit-reset": "1739855509",
    ]
    headers["x-ratelimit-resource"] = resource
    return headers
  }

  @Test func `the last answer says what is left, whichever copy of the client got it`() throws {
    let github = try client([Self.headers("4999"), Self.headers("4998", resource: "core")])
    #expect(github.rateLimit == nil)
    _ = try github.runner(id: 1)
    #expect(github.rateLimit?.remaining == 4999)
    _ = try github.limited(until: .now + .seconds(5)).runner(id: 1)
    #expect(github.rateLimit?.remaining == 4998)
    #expect(github.rateLimit?.limit == 5000)
    #expect(github.rateLimit?.resetAt == Date(timeIntervalSince1970: 1_739_855_509))
  }

  @Test(arguments: [
    [:], headers("-1"), headers("many"), headers("99999999999999999999"),
    headers("3", resource: "search"),
  ])
  func `an answer that says nothing of use changes nothing`(headers: [String: String]) throws {
    let github = try client([Self.headers("4999"), headers])
    _ = try github.runner(id: 1)
    _ = try github.runner(id: 1)
    #expect(github.rateLimit?.remaining == 4999)
  }
}

@Suite struct MayHaveActedTests {
  @Test(
    arguments: [
      (.unavailable("timed out", mayHaveActed: true), true),
      (.unavailable("refused", mayHaveActed: false), false), (.unreadableAnswer("x"), true),
      (.nameTaken, false), (.rateLimited(retryAfter: 1), false), (.notFound, false),
      (.refused(status: 422, message: "x"), false), (.installationSuspended, false),
    ] as [(GitHubError, Bool)])
  func `an error says whether GitHub may have done what it was asked`(
    error: GitHubError, expected: Bool
  ) {
    #expect(error.mayHaveActed == expected)
  }
}
