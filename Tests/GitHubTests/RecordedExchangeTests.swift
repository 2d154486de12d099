import Foundation
import GitHub
import HTTPClient
import SharedData
import TestSupport
import Testing

/// Answers that GitHub has given, and those in its documentation, as they were recorded, fed to the client.
@Suite(.enabled(if: SharedData.folder("github") != nil, "the recordings are not here"))
struct RecordedExchangeTests {
  private struct Exchange {
    let method: String
    /// Without the organization or repository, which are not ours.
    let endpoint: String
    let status: Int
    let headers: [(name: String, value: String)]
    let body: Any?

    init(_ object: [String: Any]) throws {
      method = try #require(object["method"] as? String)
      let path = try #require(object["path"] as? String)
      endpoint = path.replacing(#/^/(orgs/[^/]+|repos/[^/]+/[^/]+)//#, with: "/{scope}/")
        .replacing(#/\?.*$/#, with: "").replacing(#/[0-9]+/#, with: "{id}")
      status = try #require(object["status"] as? Int)
      headers = try #require(object["response_headers"] as? [String: String])
        .map { (name: $0.key, value: $0.value) }
      body = object["response_body"].flatMap { $0 is NSNull ? nil : $0 }
    }

    var object: [String: Any] { body as? [String: Any] ?? [:] }
    var message: String { object["message"] as? String ?? "" }

    func response() throws -> HTTPResponse {
      let bytes = try body.map { Array(try JSONSerialization.data(withJSONObject: $0)) }
      return HTTPResponse(status: status, headers: headers, body: bytes ?? [])
    }
  }

  private func json(_ name: String) throws -> Any {
    let file = try #require(SharedData.folder("github")).appending(path: name)
    return try JSONSerialization.jsonObject(with: Data(contentsOf: file))
  }

  /// A client whose every answer is this one, but that gets its installation token unless that is what is asked for.
  private func client(_ response: HTTPResponse, isMint: Bool) throws -> GitHubClient {
    try ScriptedGitHub().client(mint: { _ in isMint ? response : .installationToken() }) { _ in
      response
    }
  }

  @Test func `every recorded exchange of an endpoint that we use is understood`() throws {
    let recordings = try #require(try json("recorded-http-exchanges.json") as? [[String: Any]])
    #expect(recordings.count == 23)
    var replayed = 0
    var unused: [String] = []
    for exchange in try recordings.map(Exchange.init) {
      if try replay(exchange) { replayed += 1 } else { unused.append(exchange.endpoint) }
    }
    #expect(replayed == 21)
    #expect(
      unused == ["/{scope}/actions/runners/remove-token", "/{scope}/actions/runners/downloads"])
  }

  /// Returns whether it is of an endpoint that we use.
  private func replay(_ exchange: Exchange) throws -> Bool {
    let isMint = exchange.endpoint.hasSuffix("/access_tokens")
    let client = try client(try exchange.response(), isMint: isMint)
    switch (exchange.method, exchange.endpoint, exchange.status) {
    case ("GET", "/{scope}/actions/runners", 200):
      let page = try #require(try client.runnerPage())
      let items = try #require(exchange.object["runners"] as? [[String: Any]])
      #expect(page.runners.map(\.id) == items.compactMap { ($0["id"] as? NSNumber)?.int64Value })
      #expect(page.totalCount == exchange.object["total_count"] as? Int)
      #expect(page.etag == exchange.headers.first { $0.name == "etag" }?.value)
      let hasNext = exchange.headers.contains { $0.name == "link" && $0.value.contains("next") }
      #expect((page.nextURL != nil) == hasNext)
    case ("GET", "/{scope}/actions/runners/{id}", 200):
      let runner = try #require(try client.runner(id: 7))
      #expect(runner.name == exchange.object["name"] as? String)
      let labels = try #require(exchange.object["labels"] as? [[String: Any]])
      #expect(runner.labels.map(\.name) == labels.compactMap { $0["name"] as? String })
    case ("DELETE", "/{scope}/actions/runners/{id}", 204):
      #expect(try client.deleteRunner(id: 7))
    case ("POST", "/{scope}/actions/runners/registration-token", 201):
      let token = try client.makeRegistrationToken()
      #expect(token.token == exchange.object["token"] as? String)
    case ("POST", "/{scope}/actions/runners/generate-jitconfig", 201):
      let made = try client.makeJITConfiguration(
        name: "self_hosted", runnerGroupID: 1, labels: ["default"], workFolder: "_work")
      #expect(made.runner.id == 545_658)
      #expect(made.runner.os == "unknown")
    case ("GET", "/app", 200):
      #expect(try client.app().slug == exchange.object["slug"] as? String)
    case ("GET", "/app/installations/{id}", 200), ("GET", "/{scope}/installation", 200):
      let account = try #require(exchange.object["account"] as? [String: Any])
      #expect(try client.installation().account?.login == account["login"] as? String)
    case ("GET", "/{scope}/installation", _):
      expect(exchange, gitHubError { () throws(GitHubError) in try client.installation() })
    case ("POST", "/app/installations/{id}/access_tokens", 201):
      try client.checkCredentials()
    case ("POST", "/app/installations/{id}/access_tokens", _):
      expect(exchange, gitHubError { () throws(GitHubError) in try client.checkCredentials() })
    default:
      return false
    }
    expectReading(exchange, client)
    return true
  }

  private func expect(_ exchange: Exchange, _ error: GitHubError?) {
    switch exchange.status {
    case 400, 422:
      #expect(error == .refused(status: exchange.status, message: exchange.message))
    case 401:
      #expect(error == .clockRejected(exchange.message))
    case 404 where exchange.method == "POST":
      #expect(error == .credentialsRejected("the App has no such installation"))
    case 404:
      #expect(error == .notFound)
    default:
      Issue.record("\(exchange.status) \(exchange.endpoint)")
    }
  }

  /// What the headers say of the rate limit is read, where they say of which.
  private func expectReading(_ exchange: Exchange, _ client: GitHubClient) {
    let headers = Dictionary(uniqueKeysWithValues: exchange.headers)
    guard headers["x-ratelimit-resource"] == "core" else { return }
    #expect(client.rateLimit?.limit == headers["x-ratelimit-limit"].flatMap(Int.init))
    #expect(client.rateLimit?.remaining == headers["x-ratelimit-remaining"].flatMap(Int.init))
  }

  @Test
  func
    `the examples of GitHub's documentation are understood, or refused where they leave out what is always there`()
    throws
  {
    let file = try #require(try json("gogithub-runner-fixtures.json") as? [String: Any])
    let groups = try #require(file["fixtures"] as? [String: [[String: Any]]])
    var understood = 0
    var refused = 0
    for fixture in groups.values.joined() {
      let path = try #require(fixture["path"] as? String)
      let body = try JSONSerialization.data(withJSONObject: try #require(fixture["body"]))
      let response = HTTPResponse(
        status: path.hasSuffix("generate-jitconfig") ? 201 : 200, body: Array(body))
      let client = try client(response, isMint: false)
      if path.hasSuffix("/runner-groups") {
        let groups = try client.runnerGroups()
        #expect(groups.map(\.name) == ["Default", "octo-runner-group", "expensive-hardware"])
        #expect(groups.map(\.isDefault) == [true, false, false])
        understood += 1
        continue
      }
      // The documentation's runners have no labels and no job: whoever takes the absence of labels for their lack would
      // remove such a runner.
      let error: GitHubError?
      switch path {
      case let path where path.hasSuffix("/generate-jitconfig"):
        error = gitHubError { () throws(GitHubError) in
          try client.makeJITConfiguration(
            name: "a", runnerGroupID: 1, labels: ["x"], workFolder: "_work")
        }
      case let path where path.hasSuffix("/runners"):
        error = gitHubError { () throws(GitHubError) in try client.runnerPage() }
      case let path where path.hasSuffix("/runners/23"):
        error = gitHubError { () throws(GitHubError) in try client.runner(id: 23) }
      default: continue
      }
      guard case .unreadableAnswer = error else {
        Issue.record("\(path)")
        continue
      }
      refused += 1
    }
    #expect(understood == 2)
    #expect(refused == 7)
  }
}

@Suite struct RecordingsTests {
  @Test(.enabled(if: SharedData.isRequired, "RTS_REQUIRE_SHARED_DATA is not set"))
  func `the recordings are there where they have to be`() {
    #expect(SharedData.folder("github") != nil)
  }

  /// Lists leave out what they had not when they were recorded: runner_group_id, ephemeral, version.
  @Test func `a runner is read without the members that not every answer has`() throws {
    let body = #"""
      {"total_count":2,"runners":[
        {"id":1,"name":"a","os":"unknown","status":"offline","busy":false,"labels":[]},
        {"id":2,"name":"b","os":"Linux","status":"online","busy":true,"runner_group_id":3,"ephemeral":true,
         "version":null,"labels":[{"id":0,"name":"x","type":"custom"},{"name":"y"}],"new":{"a":[1]}}]}
      """#
    let page = try #require(try ScriptedGitHub().client { _ in .json(200, body) }.runnerPage())
    #expect(page.runners.map(\.runnerGroupID) == [nil, 3])
    #expect(page.runners.map(\.ephemeral) == [nil, true])
    #expect(page.runners[1].labels.map(\.name) == ["x", "y"])
  }
}
