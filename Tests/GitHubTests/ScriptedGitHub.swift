import Concurrency
import Foundation
import GitHub
import HTTPClient
import JOSE
import TestSupport

/// A client of GitHub whose requests a test answers, with a clock that moves when the client pauses.
final class ScriptedGitHub: Sendable {
  typealias Answer = @Sendable (HTTPRequest) throws(HTTPClientError) -> HTTPResponse

  static let keys = Result { [try PrivateKey(generating: .rsa), try PrivateKey(generating: .rsa)] }
  static let apiURL = "https://api.github.com"
  static let installationToken = "ghs_12345_a.b"

  let clock = FakeClock()
  private let sent = Locked<[HTTPRequest]>([])
  private let paused = Locked<[Duration]>([])

  var requests: [HTTPRequest] { sent.withLock { $0 } }
  /// Those other than for installation tokens.
  var calls: [HTTPRequest] { requests.filter { !$0.isMint } }
  var mints: [HTTPRequest] { requests.filter(\.isMint) }
  var pauses: [Duration] { paused.withLock { $0 } }

  /// Installation tokens are granted unless `mint` says otherwise.
  func client(
    keys: Int = 1, maximumWaiters: Int? = nil,
    mint: @escaping Answer = { _ throws(HTTPClientError) in .installationToken() },
    answer: @escaping Answer
  ) throws -> GitHubClient {
    let (sent, paused, clock) = (sent, paused, clock)
    let http = HTTPClient { request throws(HTTPClientError) in
      sent.withLock { $0.append(request) }
      return request.isMint ? try mint(request) : try answer(request)
    }
    return GitHubClient(
      apiURL: Self.apiURL, organization: "demo-org",
      credentials: AppCredentials(
        appID: "12345", installationID: 67890,
        privateKeys: Array(try Self.keys.get().prefix(keys))),
      http: http, maximumWaiters: maximumWaiters, now: clock.now, uptime: clock.uptime
    ) { duration in
      paused.withLock { $0.append(duration) }
      clock.advance(by: duration / .seconds(1))
    }
  }

  /// A client that gets these answers, one after the other, the last one for ever.
  func client(keys: Int = 1, answers: [HTTPResponse]) throws -> GitHubClient {
    let rest = Locked(answers[...])
    return try client(keys: keys) { _ throws(HTTPClientError) in
      rest.withLock { $0.count > 1 ? $0.removeFirst() : $0[$0.startIndex] }
    }
  }
}

extension HTTPRequest {
  var isMint: Bool { url.hasSuffix("/access_tokens") }

  var bearer: String? {
    headers.first { $0.name == "Authorization" }.map { String($0.value.dropFirst(7)) }
  }

  var path: Substring { url.dropFirst(ScriptedGitHub.apiURL.count) }
}

extension HTTPResponse {
  static func json(
    _ status: Int, _ body: String, _ headers: [(name: String, value: String)] = []
  ) -> HTTPResponse {
    HTTPResponse(status: status, headers: headers, body: Array(body.utf8))
  }

  /// An error as GitHub words it.
  static func message(
    _ status: Int, _ message: String, _ headers: [(name: String, value: String)] = []
  ) -> HTTPResponse {
    json(status, #"{"message":"\#(message)"}"#, headers)
  }

  static func installationToken(
    _ token: String = ScriptedGitHub.installationToken,
    expiresAt: String = "2027-01-15T09:00:00Z", _ headers: [(name: String, value: String)] = []
  ) -> HTTPResponse {
    json(201, #"{"token":"\#(token)","expires_at":"\#(expiresAt)"}"#, headers)
  }

  static let registrationToken = json(
    201, #"{"token":"AABF","expires_at":"2027-01-15T09:00:00.260-08:00"}"#)
  static let noRunners = json(200, #"{"total_count":0,"runners":[]}"#)
  static let runner = json(
    200, #"{"id":7,"name":"a","os":"linux","status":"online","busy":false,"labels":[]}"#)
}

/// The error that `work` throws, or nil.
func gitHubError<Value>(_ work: () throws(GitHubError) -> Value) -> GitHubError? {
  do {
    _ = try work()
    return nil
  } catch {
    return error
  }
}
