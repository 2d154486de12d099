import Foundation
import GitHub
import HTTPClient
import Testing

/// What GitHub's refusals mean: each kind is an error of its own, whose text tells the admin what to do.
@Suite struct RefusalTests {
  private let world = ScriptedGitHub()

  private func registration(_ response: HTTPResponse) throws -> GitHubError? {
    let client = try world.client { _ in response }
    return gitHubError { () throws(GitHubError) in try client.makeRegistrationToken() }
  }

  private func list(_ response: HTTPResponse) throws -> GitHubError? {
    let client = try world.client { _ in response }
    return gitHubError { () throws(GitHubError) in try client.runnerPage() }
  }

  @Test(arguments: [
    "This installation has been suspended", "Sorry. This installation owned by demo-org suspended",
  ])
  func `a suspended installation is known by either wording`(message: String) throws {
    #expect(try registration(.message(403, message)) == .installationSuspended)
    let client = try world.client(mint: { _ in .message(403, message) }) { _ in .noRunners }
    #expect(throws: GitHubError.installationSuspended) { try client.checkCredentials() }
  }

  @Test func `a missing permission is named as GitHub names it`() throws {
    let message = "Resource not accessible by integration"
    let header = ("x-accepted-github-permissions", "organization_self_hosted_runners=write")
    let error = try registration(.message(403, message, [header]))
    #expect(error == .permissionMissing("organization_self_hosted_runners=write"))
    #expect(
      try registration(.message(403, message)) == .permissionMissing("GitHub does not say which"))
  }

  @Test(arguments: [
    "", "{}", #"{"message":""}"#, #"{"message":"Self-hosted runners are disabled"}"#,
  ])
  func `self-hosted runners disabled by policy are a 403 with any message or none`(
    body: String
  ) throws {
    guard case .registrationForbidden = try registration(.json(403, body)) else {
      Issue.record("another error")
      return
    }
    // Who only reads is not told so.
    guard case .refused(403, _) = try list(.json(403, body)) else {
      Issue.record("another error")
      return
    }
  }

  @Test func `an IP allow list and single sign-on are told apart`() throws {
    let allowList =
      "Although you appear to have the correct authorization credentials, the `demo-org` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."
    #expect(try registration(.message(403, allowList)) == .addressNotAllowed)
    let message = "Resource protected by organization SAML enforcement."
    #expect(try registration(.message(403, message)) == .singleSignOnRequired)
    #expect(
      try list(.message(403, "", [("x-github-sso", "required; url=https://x")]))
        == .singleSignOnRequired)
  }

  @Test func `a request without a User-Agent is refused in text that is not JSON`() throws {
    let text =
      "\r\nRequest forbidden by administrative rules. Please make sure your request has a User-Agent header\r\n"
    #expect(try registration(.json(403, text)) == .userAgentRefused)
  }

  @Test func `a version of the API that is no more is told from an error`() throws {
    #expect(try list(.json(410, "{}")) == .versionRetired)
  }

  @Test func `an unknown App is a matter of credentials and an unknown path is not`() throws {
    #expect(
      try list(.message(404, "Integration not found"))
        == .credentialsRejected("Integration not found"))
    #expect(try list(.message(404, "Not Found")) == .notFound)
  }

  @Test func `an unknown installation is a matter of credentials`() throws {
    let client = try world.client(mint: { _ in .message(404, "Not Found") }) { _ in .noRunners }
    let error = gitHubError { () throws(GitHubError) in try client.checkCredentials() }
    #expect(error == .credentialsRejected("the App has no such installation"))
  }

  @Test func `an HTML error page is an error like any other`() throws {
    let page = HTTPResponse.json(502, "<html><h1>Unicorn!</h1></html>")
    #expect(
      try list(page)
        == .unavailable("status 502: a message that is not JSON", mayHaveActed: true))
  }

  @Test func `a message with control characters and without end stays a line`() throws {
    let message = #"{"message":"a\u0000\n\u001b[31m\#(String(repeating: "x", count: 500))"}"#
    guard case .refused(422, let text) = try list(.json(422, message)) else {
      Issue.record("another error")
      return
    }
    #expect(text.count == 200)
    #expect(text.hasPrefix("a[31mx"))
  }

  @Test func `no error's text has anything of our secrets`() throws {
    let client = try world.client { _ in .message(401, "Bad credentials") }
    let error = gitHubError { () throws(GitHubError) in try client.makeRegistrationToken() }
    let text = "\(try #require(error))"
    #expect(text.contains("GITHUB_APP_ID"))
    for request in world.requests {
      #expect(!text.contains(try #require(request.bearer)))
    }
  }

  // MARK: - Rate limits

  private static let secondary = #"{"message":"You have exceeded a secondary rate limit."}"#

  @Test(arguments: [
    (429, [], 60), (403, [], 60), (403, [("retry-after", "17")], 17),
    (403, [("retry-after", "0")], 1), (403, [("retry-after", "soon")], 60),
    (403, [("retry-after", "-5")], 60), (403, [("retry-after", "99999999999")], 86_400),
    (403, [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1800000030")], 31),
    (403, [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "nan")], 60),
    (403, [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")], 1),
    (403, [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9223372036854775807")], 86_401),
    // A secondary limit comes while the primary one has much left.
    (403, [("x-ratelimit-remaining", "4000"), ("x-ratelimit-reset", "1800000030")], 60),
  ])
  func `a rate limit says how long to wait, or it is a minute`(
    status: Int, headers: [(String, String)], seconds: Int
  ) throws {
    let headers = headers.map { (name: $0.0, value: $0.1) }
    #expect(
      try registration(.json(status, Self.secondary, headers)) == .rateLimited(retryAfter: seconds))
  }

  @Test func `the reset is measured by GitHub's own clock where it says what that is`() throws {
    let headers = [
      ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1900000030"),
      ("date", "Sun, 17 Mar 2030 17:46:40 GMT"),
    ].map { (name: $0.0, value: $0.1) }
    #expect(
      try registration(.json(403, Self.secondary, headers)) == .rateLimited(retryAfter: 31))
  }

  @Test func `a 403 that is no rate limit is none, whatever is left`() throws {
    let headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1800000030")]
      .map { (name: $0.0, value: $0.1) }
    #expect(
      try registration(.message(403, "This installation has been suspended", headers))
        == .installationSuspended)
  }
}
