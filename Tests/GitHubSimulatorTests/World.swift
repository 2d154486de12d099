import Concurrency
import FastCGI
import Foundation
import JOSE
import StrictJSON
import Testing

@testable import github_simulator

/// A simulator, a clock that stands still, and an App that talks to it.
struct World {
  private static let keys = Result {
    try (app: PrivateKey(generating: .rsa), provider: SigningKeys())
  }
  static let runners = "/api/v3/orgs/demo-org/actions/runners"

  let simulator: Simulator
  let appKey: PrivateKey
  private let clock = Locked(Date(timeIntervalSince1970: 1_795_000_000))

  init() throws {
    let (appKey, signingKeys) = try Self.keys.get()
    self.appKey = appKey
    let clock = clock
    simulator = Simulator(
      settings: Simulator.Settings(), appKey: try appKey.publicKey(), signingKeys: signingKeys,
      now: { clock.withLock { $0 } })
  }

  var now: Date { clock.withLock { $0 } }

  func advance(by seconds: TimeInterval) {
    clock.withLock { $0 += seconds }
  }

  // MARK: - Requests

  /// A request as nginx would pass it on. `headers` over those that a decent client sends; an empty
  /// value removes one.
  func send(
    _ method: String, _ target: String, token: String? = nil, headers: [String: String] = [:],
    body: String = ""
  ) -> Response {
    var sent = ["User-Agent": "tests", "Accept": "application/vnd.github+json"]
    if let token { sent["Authorization"] = "Bearer \(token)" }
    sent.merge(headers) { $1 }
    var pairs = [(name: "REQUEST_METHOD", value: method), (name: "REQUEST_URI", value: target)]
    for (name, value) in sent where !value.isEmpty {
      pairs.append((name: "HTTP_" + name.uppercased().replacing("-", with: "_"), value: value))
    }
    return simulator.respond(
      to: Request(parameters: Parameters(pairs), body: .complete(Array(body.utf8))))
  }

  /// A control request that has to succeed.
  @discardableResult
  func control(_ method: String, _ path: String, _ body: String = "") throws -> JSONObject? {
    let response = send(method, "/control" + path, body: body)
    try #require((200..<300).contains(response.status), "\(response.text)")
    return response.body.isEmpty ? nil : try response.object
  }

  // MARK: - Credentials

  /// An App JWT. Claims are JSON texts.
  func appJWT(
    issuer: String = "12345", issuedAt: String? = nil, expiry: String? = nil,
    key: PrivateKey? = nil
  ) throws -> String {
    let seconds = now.unixSeconds
    let payload = """
      {"iss":\(issuer),"iat":\(issuedAt ?? String(seconds - 60)),\
      "exp":\(expiry ?? String(seconds + 540))}
      """
    return try (key ?? appKey).compactJWS(
      header: Array(#"{"alg":"RS256","typ":"JWT"}"#.utf8), payload: Array(payload.utf8),
      algorithm: .rs256)
  }

  func installationToken(_ body: String = "") throws -> String {
    let response = send(
      "POST", "/api/v3/app/installations/67890/access_tokens", token: try appJWT(), body: body)
    return try #require(try response.object["token"]?.string)
  }

  func registrationToken() throws -> String {
    let response = send(
      "POST", World.runners + "/registration-token", token: try installationToken())
    return try #require(try response.object["token"]?.string)
  }

  // MARK: - Runners

  /// Registers a runner with a new token and gives its id.
  @discardableResult
  func register(_ name: String, _ members: String = "") throws -> Int64 {
    let token = try registrationToken()
    let runner = try control(
      "POST", "/runners/register",
      #"{"token":"\#(token)","name":"\#(name)"\#(members.isEmpty ? "" : ",")\#(members)}"#)
    return try #require(runner?["id"]?.integer)
  }

  func jitConfig(
    _ name: String = "jit-1", group: String = "1", labels: String = #"["Linux","GPU"]"#
  ) throws -> Response {
    send(
      "POST", World.runners + "/generate-jitconfig", token: try installationToken(),
      body: #"{"name":"\#(name)","runner_group_id":\#(group),"labels":\#(labels)}"#)
  }
}

extension Response {
  var text: String { String(decoding: body, as: UTF8.self) }

  var object: JSONObject {
    get throws {
      let value = try JSONValue(parsing: body, limits: JSONValue.Limits(depth: 8, values: 10_000))
      return try #require(value.object)
    }
  }

  var message: String? {
    (try? object)?["message"]?.string
  }
}
