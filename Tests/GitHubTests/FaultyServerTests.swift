import Foundation
import GitHub
import HTTPClient
import JOSE
import TestSupport
import Testing

/// The client over libcurl, against a server whose answers are broken in some way.
@Suite struct FaultyServerTests {
  private static let runner =
    #"{"id":7,"name":"a","os":"linux","status":"online","busy":false,"labels":[]}"#

  private static func answer(_ status: Int, _ body: String, length: Int? = nil) -> String {
    "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)"
  }

  private static let token = answer(
    201, #"{"token":"ghs_1","expires_at":"2100-01-15T09:00:00Z"}"#)

  /// Installation tokens are granted; everything else is answered so.
  private func server(
    _ answer: @escaping @Sendable () -> LoopbackServer.Answer
  ) throws -> LoopbackServer {
    try LoopbackServer { $0.contains("/access_tokens") ? .bytes(Self.token) : answer() }
  }

  private func client(_ url: String) throws -> GitHubClient {
    GitHubClient(
      apiURL: url, organization: "demo-org",
      credentials: AppCredentials(
        appID: "12345", installationID: 67890, privateKey: try ScriptedGitHub.keys.get()[0]),
      http: .curl(), now: { Date() }, pause: { _ in })
  }

  private func makeJIT(_ client: GitHubClient) -> GitHubError? {
    gitHubError { () throws(GitHubError) in
      try client.makeJITConfiguration(
        name: "a", runnerGroupID: 1, labels: ["x"], workFolder: "_work")
    }
  }

  enum Expected {
    case unavailable, unreadable
  }

  @Test(
    arguments: [
      (.bytes(answer(500, #"{"message":"Server Error"}"#)), .unavailable),
      (.bytes(answer(502, "<html><title>Unicorn!</title></html>")), .unavailable),
      (.bytes(answer(201, String(runner.dropLast(20)))), .unreadable),
      (.bytes(answer(201, "")), .unreadable),
      (.bytes(answer(201, "<html>")), .unreadable),
      // The connection ends before, in and after the headers, and in the body.
      (.bytesThenClose(""), .unavailable),
      (.bytesThenClose("HTTP/1.1 201"), .unavailable),
      (.bytesThenClose(answer(201, runner, length: 5000)), .unavailable),
      (.bytesThenClose("not HTTP\r\n\r\n"), .unavailable),
      // Less than the server says: the rest is not read, nor taken for the next answer.
      (.bytes(answer(201, runner, length: 10)), .unreadable),
      (.drip(String(answer(201, runner).dropLast(10))), .unavailable),
      (.silence, .unavailable),
    ] as [(LoopbackServer.Answer, Expected)])
  func `a broken answer is an error, and a runner may have been created`(
    answer: LoopbackServer.Answer, expected: Expected
  ) throws {
    let server = try server { answer }
    defer { server.stop() }
    let client = try client(server.url)
    try client.checkCredentials()
    let error = try #require(makeJIT(client.limited(until: .now + .milliseconds(700))))
    switch (error, expected) {
    case (.unavailable(_, let mayHaveActed, _), .unavailable): #expect(mayHaveActed)
    case (.unreadableAnswer, .unreadable): #expect(error.mayHaveActed)
    default: Issue.record("\(error)")
    }
    #expect(server.requests.count { $0.contains("generate-jitconfig") } == 1)
  }

  @Test func `bytes that come one at a time are an answer`() throws {
    let server = try server { .drip(Self.answer(200, Self.runner)) }
    defer { server.stop() }
    #expect(try client(server.url).runner(id: 7)?.name == "a")
  }

  @Test func `what follows an answer too short is not taken for the next one`() throws {
    let rest = Self.answer(200, Self.runner.replacingOccurrences(of: "\"a\"", with: "\"evil\""))
    let short = Self.answer(200, Self.runner) + rest
    let server = try server { .bytes(short) }
    defer { server.stop() }
    let client = try client(server.url)
    for _ in 0..<3 { #expect(try client.runner(id: 7)?.name == "a") }
  }

  @Test func `a server that is not there has not acted`() throws {
    let client = try client("http://127.0.0.1:\(FreePort.find())")
    let error = try #require(makeJIT(client))
    guard case .unavailable(_, mayHaveActed: false, _) = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func `a broken connection does not spoil the next request`() throws {
    let server = try server { .bytes(Self.answer(200, Self.runner)) }
    defer { server.stop() }
    let client = try client(server.url)
    _ = try client.runner(id: 7)
    server.endConnections()
    #expect(try client.runner(id: 7)?.id == 7)
  }

  @Test func `an answer that may be cached is asked for each time`() throws {
    let server = try LoopbackServer { request in
      request.contains("/access_tokens")
        ? .bytes(Self.token)
        : .bytes(
          "HTTP/1.1 201 X\r\nCache-Control: private, max-age=60\r\nETag: \"x\"\r\nContent-Length: 50\r\n\r\n"
            + #"{"token":"T","expires_at":"2027-01-15T09:00:00Z" }"#)
    }
    defer { server.stop() }
    let client = try client(server.url)
    for _ in 0..<2 { _ = try client.makeRegistrationToken() }
    #expect(server.requests.count { $0.contains("/registration-token") } == 2)
  }
}
