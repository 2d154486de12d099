import Concurrency
import FastCGI
import Foundation
import GitHub
import HTTPClient
import JOSE
import Logging
import OIDC
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService
@testable import github_simulator

/// The whole service without a socket: real keys, a real database and audit file, the simulator behind the HTTP seam.
final class World: Sendable {
  private static let keys = Result {
    try (app: PrivateKey(generating: .rsa), provider: SigningKeys())
  }
  static let baseURL = "http://127.0.0.1:9000"

  let directory: TemporaryDirectory
  let clock = FakeClock()
  let simulator: Simulator
  let service: Service
  let database: Storage.Database
  /// What the service wrote to its log.
  let log = LogRecorder()
  private let failures = Locked<[(path: String, error: HTTPClientError)]>([])
  private let calls = Locked<[String]>([])
  private let hooks = Locked<[(path: String, run: @Sendable () -> Void)]>([])

  init(
    defaultPolicy: DefaultLabelPolicy = .allow, isAuthenticated: Bool = true,
    adminIdentities: [String] = [], identityClaim: String = "email",
    hasSingleUseTokens: Bool = false, defaultMaximumRunners: Int? = nil,
    hasClaimPolicies: Bool = false, otherProviders: [Provider] = [],
    elsewhere: HTTPClient? = nil, workerThreads: Int = 4, webhookSecret: String? = nil,
    maximumGitHubWaiters: Int? = nil, defaultRunnerGroupID: Int64 = 1
  ) throws {
    let keys = try Self.keys.get()
    let clock = clock
    let directory = try TemporaryDirectory()
    self.directory = directory
    let simulator = Simulator(
      settings: Simulator.Settings(baseURL: Self.baseURL), appKey: try keys.app.publicKey(),
      signingKeys: keys.provider, now: clock.now)
    self.simulator = simulator

    let provider = Provider(
      issuer: Self.baseURL + "/oidc", audiences: ["runner-token-service"],
      identityClaim: identityClaim)
    let settings = Settings(
      github: .init(
        credentials: AppCredentials(appID: "12345", installationID: 67890, privateKey: keys.app),
        organization: "demo-org", apiURL: Self.baseURL + "/api/v3", webURL: Self.baseURL,
        webhookKey: try webhookSecret.map { try KeyedHash(key: Array($0.utf8)) }),
      isAuthenticationEnabled: isAuthenticated,
      identityProviders: isAuthenticated ? [provider] + otherProviders : [],
      hasSingleUseTokens: hasSingleUseTokens,
      adminRule: .init(
        identities: adminIdentities, claim: "groups", claimValues: ["runner-admins"]),
      defaultLabelPolicy: defaultPolicy, defaultMaximumRunners: defaultMaximumRunners,
      hasClaimPolicies: hasClaimPolicies, defaultRunnerGroupID: defaultRunnerGroupID,
      databasePath: directory.file("service.db"), auditLogPath: directory.file("audit.jsonl"),
      workerThreads: workerThreads, logLevel: .error)
    try Storage.Database.migrate(path: settings.databasePath, now: Timestamp(clock.date))
    let database = try Storage.Database(path: settings.databasePath) { Timestamp(clock.date) }
    self.database = database

    let failures = failures
    let calls = calls
    let hooks = hooks
    let http = HTTPClient { request throws(HTTPClientError) in
      if let elsewhere, !request.url.hasPrefix(Self.baseURL) { return try elsewhere.send(request) }
      let path = request.url.dropFirst(Self.baseURL.count)
      calls.withLock { $0.append("\(request.method.rawValue) \(path)") }
      let hook = hooks.withLock { hooks in
        hooks.firstIndex { path.contains($0.path) }.map { hooks.remove(at: $0) }
      }
      hook?.run()
      if let failure = failures.withLock({ $0.first { path.contains($0.path) } }) {
        throw failure.error
      }
      let response = simulator.answer(request, path: String(path))
      ExchangeRecorder.record(request, path: String(path), response)
      return response
    }
    service = Service(
      settings: settings,
      tokenValidator: try settings.tokenValidator(http: http, uptime: clock.uptime),
      github: GitHubClient(
        apiURL: settings.github.apiURL, organization: "demo-org",
        credentials: settings.github.credentials, http: http,
        maximumWaiters: maximumGitHubWaiters, now: clock.now, uptime: clock.uptime, pause: { _ in }),
      database: database, auditFile: AuditFile(path: settings.auditLogPath),
      logger: Logger(label: "test") { [log] _ in RecordingLogHandler(recorder: log) },
      now: clock.now)
  }

  // MARK: - The world outside

  /// From now on calls whose path contains `path` fail so.
  func fail(_ path: String, _ error: HTTPClientError) {
    failures.withLock { $0.append((path, error)) }
  }

  /// Runs once, on the next call whose path contains `path`, before it is answered.
  func onCall(_ path: String, _ run: @escaping @Sendable () -> Void) {
    hooks.withLock { $0.append((path, run)) }
  }

  func heal() {
    failures.withLock { $0 = [] }
  }

  /// The calls to other hosts whose path contains `path`.
  func calls(_ path: String) -> Int {
    calls.withLock { $0.count { $0.contains(path) } }
  }

  /// A control request to the simulator that has to succeed.
  func control(_ method: String, _ path: String, _ body: String = "") throws {
    _ = try controlAnswer(method, path, body)
  }

  /// The same, and what it answers: an empty object where that is nothing.
  func controlAnswer(_ method: String, _ path: String, _ body: String = "") throws -> JSONObject {
    let response = simulator.respond(
      to: Request(
        parameters: Parameters([
          ("REQUEST_METHOD", method), ("REQUEST_URI", "/control" + path),
        ]), body: .complete(Array(body.utf8))))
    try #require((200..<300).contains(response.status), "\(response.text)")
    return try #require(
      try JSONValue(parsing: response.body.isEmpty ? Array("{}".utf8) : response.body).object)
  }

  /// A token of the identity provider; claims as a JSON object.
  func token(_ subject: String = "alice", _ claims: String? = nil) throws -> String {
    let claims =
      claims ?? #"{"sub":"\#(subject)","email":"\#(subject)@example.com","email_verified":true}"#
    let response = simulator.respond(
      to: Request(
        parameters: Parameters([("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/oidc/token")]),
        body: .complete(Array(#"{"claims":\#(claims)}"#.utf8))))
    return try #require(try response.object["access_token"]?.string)
  }

  // MARK: - Requests

  /// A request as the web server passes it on.
  func send(
    _ method: String, _ uri: String, token: String? = nil, body: String? = nil,
    parameters: [(name: String, value: String)] = []
  ) -> Response {
    service.recordedResponse(
      to: request(method, uri, token: token, body: body, parameters: parameters))
  }

  func request(
    _ method: String, _ uri: String, token: String? = nil, body: String? = nil,
    parameters: [(name: String, value: String)] = []
  ) -> Request {
    var pairs: [(name: String, value: String)] = [
      ("REQUEST_METHOD", method), ("REQUEST_URI", uri), ("REMOTE_ADDR", "192.0.2.7"),
      ("REQUEST_ID", "0123456789abcdef"), ("HTTP_USER_AGENT", "curl/7.88.1"),
    ]
    if let token { pairs.append(("HTTP_AUTHORIZATION", "Bearer \(token)")) }
    if body != nil { pairs.append(("CONTENT_TYPE", "application/json")) }
    let names = Set(parameters.map(\.name))
    pairs = pairs.filter { !names.contains($0.name) } + parameters
    return Request(
      parameters: Parameters(pairs), body: .complete(Array((body ?? "").utf8)))
  }

  func provision(
    _ body: String = #"{"runner_name":"ci-1","labels":["gpu"]}"#, as subject: String = "alice",
    parameters: [(name: String, value: String)] = []
  ) throws -> Response {
    send(
      "POST", "/api/v1/runners/provision", token: try token(subject), body: body,
      parameters: parameters)
  }

  func provisionJIT(
    _ body: String = #"{"runner_name":"ci-1","labels":["gpu"]}"#, as subject: String = "alice",
    parameters: [(name: String, value: String)] = []
  ) throws -> Response {
    send(
      "POST", "/api/v1/runners/jit", token: try token(subject), body: body, parameters: parameters)
  }

  // MARK: - What is stored

  /// The audit log's file, a JSON object a line.
  func auditLines() throws -> [JSONObject] {
    let path = directory.file("audit.jsonl")
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try #require(try JSONValue(parsing: Array($0.utf8)).object)
    }
  }

  func auditEvents() throws -> [String] {
    try auditLines().compactMap { $0["event_type"]?.string }
  }

  func runner(id: String) throws -> Runners.Runner? {
    try database.read { try $0.runners.runner(id: id) }
  }

  /// Whether the simulator has a runner of this name.
  func isAtGitHub(_ name: String) -> Bool { simulator.state.withLock { $0.runners[name] != nil } }

  func liveRunner(_ name: String) throws -> Runners.Runner? {
    try database.read {
      try $0.runners.live(named: #require(RunnerName(name)), organization: "demo-org")
    }
  }
}

/// Keeps what is logged.
final class LogRecorder: Sendable {
  private let entries = Locked<[[String: String]]>([])

  /// Each with its message under `message`.
  var all: [[String: String]] { entries.withLock { $0 } }

  fileprivate func add(_ entry: [String: String]) {
    entries.withLock { $0.append(entry) }
  }
}

private struct RecordingLogHandler: LogHandler {
  let recorder: LogRecorder
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .debug

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var entry = (event.metadata ?? [:]).mapValues(\.description)
    entry["message"] = event.message.description
    recorder.add(entry)
  }
}

extension Simulator {
  /// Answers a request of the HTTP client.
  fileprivate func answer(_ request: HTTPRequest, path: String) -> HTTPResponse {
    var pairs: [(name: String, value: String)] = [
      ("REQUEST_METHOD", request.method.rawValue), ("REQUEST_URI", path),
    ]
    for header in request.headers {
      let name = header.name.uppercased().replacingOccurrences(of: "-", with: "_")
      pairs.append(("HTTP_" + name, header.value))
    }
    let response = respond(
      to: Request(parameters: Parameters(pairs), body: .complete(request.body)))
    return HTTPResponse(
      status: response.status,
      headers: response.headers.map { ($0.name.lowercased(), $0.value) }, body: response.body)
  }
}

extension Response {
  var text: String { String(decoding: body, as: UTF8.self) }

  var object: JSONObject {
    get throws { try #require(try JSONValue(parsing: body).object, "\(text)") }
  }

  /// Status and error code of a problem.
  var problem: String {
    let code = (try? object)?["error_code"]?.string
    return "\(status) \(code ?? "-")"
  }
}
