import Foundation
import GitHub
import HTTPClient
import Testing

@Suite struct RedirectTests {
  private let world = ScriptedGitHub()
  private static let there = "https://api.github.com/organizations/7/actions/runners"

  private static func redirect(_ status: Int, _ location: String?) -> HTTPResponse {
    HTTPResponse(status: status, headers: location.map { [("location", $0)] } ?? [])
  }

  @Test(arguments: [301, 302, 307, 308])
  func `reading and removing follow a renamed organization`(status: Int) throws {
    let client = try world.client { request throws(HTTPClientError) in
      if request.path.hasPrefix("/orgs") { return Self.redirect(status, Self.there) }
      return request.method == .delete ? HTTPResponse(status: 204) : .noRunners
    }
    #expect(try client.runnerPage()?.totalCount == 0)
    #expect(try client.deleteRunner(id: 7))
    #expect(world.calls.map(\.method) == [.get, .get, .delete, .delete])
    #expect(world.calls[1].url == Self.there)
    #expect(world.calls[1].bearer == ScriptedGitHub.installationToken)
  }

  @Test(arguments: [307, 308])
  func `a POST is sent on as it is`(status: Int) throws {
    let client = try world.client { request throws(HTTPClientError) in
      request.path.hasPrefix("/orgs")
        ? Self.redirect(status, "/organizations/7/x") : .registrationToken
    }
    _ = try client.makeRegistrationToken()
    #expect(world.calls[1].method == .post)
    #expect(world.calls[1].url == "https://api.github.com/organizations/7/x")
  }

  @Test(arguments: [301, 302, 303])
  func `a POST that would become a GET is not sent on`(status: Int) throws {
    let client = try world.client { _ in Self.redirect(status, Self.there) }
    #expect(throws: GitHubError.redirectRefused("a POST by status \(status)")) {
      try client.makeRegistrationToken()
    }
    #expect(world.calls.count == 1)
  }

  @Test(arguments: [
    "https://evil.example/", "http://api.github.com/x", "https://api.github.com:8443/x",
    "https://api.github.com.evil.example/x", "//evil.example/x", "https://a@api.github.com/x",
    "https://api.github.com@evil.example/x", "file:///etc/passwd", "ftp://api.github.com/x",
  ])
  func `the token never leaves for another host`(location: String) throws {
    let client = try world.client { _ in Self.redirect(302, location) }
    #expect(throws: GitHubError.redirectRefused("away from the API's own address")) {
      try client.runnerPage()
    }
    #expect(world.requests.allSatisfy { $0.url.hasPrefix("https://api.github.com/") })
    #expect(world.calls.count == 1)
  }

  @Test(arguments: ["https://API.GITHUB.com:443/x", "/x", "?page=2"])
  func `the same host is known however it is written`(location: String) throws {
    let client = try world.client(answers: [Self.redirect(302, location), .noRunners])
    #expect(try client.runnerPage() != nil)
  }

  @Test func `an App's JWT does not leave either`() throws {
    let client = try world.client { _ in Self.redirect(307, "https://evil.example/") }
    #expect(throws: GitHubError.redirectRefused("away from the API's own address")) {
      try client.app()
    }
    #expect(world.calls.count == 1)
  }

  @Test func `three redirects in a row are followed and a fourth is not`() throws {
    let three = try world.client(
      answers: [
        Self.redirect(302, "/1"), Self.redirect(302, "/2"), Self.redirect(302, "/3"), .noRunners,
      ])
    #expect(try three.runnerPage() != nil)
    let loop = ScriptedGitHub()
    let client = try loop.client { _ in Self.redirect(302, "/again") }
    #expect(throws: GitHubError.redirectRefused("more than 3 times in a row")) {
      try client.runnerPage()
    }
    #expect(loop.calls.count == 4)
  }

  @Test func `a redirect to nowhere is an error`() throws {
    let client = try world.client { _ in Self.redirect(302, nil) }
    #expect(throws: GitHubError.redirectRefused("to no URL")) { try client.runnerPage() }
  }

  @Test func `a page at another host is not asked for`() throws {
    let client = try world.client { _ in .noRunners }
    #expect(throws: GitHubError.redirectRefused("away from the API's own address")) {
      try client.runnerPage(at: "https://evil.example/orgs/demo-org/actions/runners?page=2")
    }
    #expect(world.calls.isEmpty)
  }

  @Test func `a next page at another host is not believed`() throws {
    let client = try world.client { _ in
      .json(
        200, #"{"total_count":2,"runners":[]}"#,
        [("link", #"<https://evil.example/x?page=2>; rel="next""#)])
    }
    #expect(throws: GitHubError.unreadableAnswer("the next page is not at the API's own address")) {
      try client.runnerPage()
    }
  }
}
