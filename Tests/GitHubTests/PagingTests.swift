import Foundation
import GitHub
import HTTPClient
import Testing

/// Lists of more than a page, and what GitHub's routes say in ways of their own.
@Suite struct PagingTests {
  private let world = ScriptedGitHub()
  private static let next =
    "https://api.github.com/organizations/21341965/actions/runners?per_page=1&page=2"

  private static func link(_ url: String) -> (name: String, value: String) {
    ("link", #"<https://api.github.com/first>; rel="first", <\#(url)>; rel="next""#)
  }

  @Test func `the next page is where GitHub says, by the organization's number`() throws {
    let client = try world.client(answers: [
      .json(200, #"{"total_count":2,"runners":[]}"#, [Self.link(Self.next)]), .noRunners,
    ])
    let page = try #require(try client.runnerPage())
    #expect(page.nextURL == Self.next)
    #expect(try client.runnerPage(at: page.nextURL)?.nextURL == nil)
    #expect(world.calls.map(\.url) == [client.firstRunnerPageURL, Self.next])
  }

  @Test func `a page that has not changed costs nothing and is nil`() throws {
    let client = try world.client { _ in HTTPResponse(status: 304) }
    #expect(try client.runnerPage(unlessTagged: #"W/"1""#) == nil)
    let header = world.calls.first?.headers.first { $0.name == "If-None-Match" }
    #expect(header?.value == #"W/"1""#)
    // Nobody asked for that.
    #expect(throws: GitHubError.self) { try client.runnerPage() }
  }

  @Test func `runner groups are read to the last page, and not without end`() throws {
    let body =
      #"{"total_count":1,"runner_groups":[{"id":1,"name":"Default","visibility":"all","default":true}]}"#
    let two = try world.client(answers: [
      .json(200, body, [Self.link("https://api.github.com/2")]), .json(200, body),
    ])
    #expect(try two.runnerGroups().count == 2)
    let endless = try ScriptedGitHub().client { _ in
      .json(200, body, [Self.link("https://api.github.com/again")])
    }
    #expect(throws: GitHubError.unreadableAnswer("the list of runner groups has no end")) {
      try endless.runnerGroups()
    }
  }

  @Test func `failed deliveries are listed and asked for again`() throws {
    let body = #"""
      [{"id":9007199254740993,"guid":"g","delivered_at":"2027-01-15T07:00:00Z","redelivery":false,"duration":0.1,
      "status":"Bad Gateway","status_code":502,"event":"workflow_job","action":null,"installation_id":null}]
      """#
    let client = try world.client { request throws(HTTPClientError) in
      request.method == .post
        ? .json(202, "{}") : .json(200, body, [Self.link("https://api.github.com/app/x?cursor=2")])
    }
    let page = try client.failedDeliveries()
    #expect(page.deliveries.map(\.id) == [9_007_199_254_740_993])
    #expect(page.nextURL == "https://api.github.com/app/x?cursor=2")
    try client.redeliver(attempt: 9_007_199_254_740_993)
    #expect(world.calls.last?.path == "/app/hook/deliveries/9007199254740993/attempts")
  }

  // MARK: - Runners by JIT

  private func jit(_ response: HTTPResponse) throws -> GitHubError? {
    let client = try world.client { _ in response }
    return gitHubError { () throws(GitHubError) in
      try client.makeJITConfiguration(
        name: "a", runnerGroupID: 2, labels: ["x"], workFolder: "_work")
    }
  }

  @Test func `a name that is taken is a 409 that does not repeat it`() throws {
    let message = "Already exists - A runner with the name *** already exists."
    #expect(try jit(.message(409, message)) == .nameTaken)
  }

  @Test func `a runner group that is GitHub's own is a 403, one that nobody has a 404`() throws {
    #expect(try jit(.message(403, "Forbidden")) == .registrationForbidden("Forbidden"))
    #expect(try jit(.message(404, "Not Found")) == .notFound)
  }

  @Test func `what is refused as invalid says why`() throws {
    let message = "Invalid input: object is missing required key: runner_group_id"
    #expect(try jit(.message(422, message)) == .refused(status: 422, message: message))
  }

  @Test func `a runner by name is found whatever the case, and only by its whole name`() throws {
    let body = #"""
      {"total_count":2,"runners":[
      {"id":1,"name":"ci-10","os":"unknown","status":"offline","busy":false,"labels":[]},
      {"id":2,"name":"CI-1","os":"unknown","status":"offline","busy":false,"labels":[]}]}
      """#
    let client = try world.client { _ in .json(200, body) }
    #expect(try client.runner(name: "ci-1")?.id == 2)
    #expect(try client.runner(name: "ci") == nil)
  }
}
