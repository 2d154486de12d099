public import Concurrency
public import Foundation
public import HTTPClient

/// GitHub's REST API as a GitHub App sees it, for one organization. Safe to use from any thread.
///
/// Requests that may be made twice without harm are repeated a few times; where GitHub is down, and where it has told us to
/// wait, calls fail at once.
public struct GitHubClient: Sendable {
  let apiURL: String
  let organization: String
  let installationID: Int64
  let now: @Sendable () -> Date
  private let proof: AppProof
  private let tokens: InstallationTokenCache
  private let state = ClientState()
  private var waiters: WaitLimit?
  private var transport: GitHubTransport

  /// - Parameters:
  ///   - apiURL: without a slash at its end, such as `https://api.github.com`.
  ///   - organization: its login; only ASCII letters, digits and hyphens.
  ///   - credentials: who asks.
  ///   - http: what sends.
  ///   - maximumWaiters: how many threads may wait for GitHub at a time; nil for any number. `tooManyWaiting` for the others.
  ///   - now: the wall clock.
  ///   - uptime: a clock that never steps.
  ///   - pause: waits that long before another attempt.
  public init(
    apiURL: String, organization: String, credentials: AppCredentials, http: HTTPClient,
    maximumWaiters: Int? = nil, now: @escaping @Sendable () -> Date,
    uptime: @escaping @Sendable () -> Duration = Uptime.ofProcess,
    pause: @escaping @Sendable (Duration) -> Void = GitHubClient.sleep
  ) {
    self.apiURL = apiURL
    self.organization = organization
    self.now = now
    installationID = credentials.installationID
    waiters = maximumWaiters.map { WaitLimit($0) }
    let proof = AppProof(credentials: credentials, now: now)
    let transport = GitHubTransport(
      apiURL: apiURL, http: http, breaker: CircuitBreaker(uptime: uptime), sleep: pause)
    self.proof = proof
    self.transport = transport
    let url = apiURL + "/app/installations/\(credentials.installationID)/access_tokens"
    tokens = InstallationTokenCache(now: now) { [state] () throws(GitHubError) in
      try state.checkHold(.app, now: now())
      // Not within the budget of the request that happens to need it: others wait for the same token.
      let transport = transport.limited(until: .now + Self.mintingTime)
      let response = try proof.send { jwt throws(GitHubError) in
        try transport.send(Self.request(.post, url, bearer: jwt), isRepeatable: true)
      }
      state.note(response, .app, now: now())
      return try Self.installationToken(response, now: now())
    }
  }

  /// For a token, all attempts together.
  private static let mintingTime: Duration = .seconds(10)

  /// Keeps the thread waiting for so long.
  public static let sleep: @Sendable (Duration) -> Void = { duration in
    let (seconds, attoseconds) = duration.components
    Thread.sleep(forTimeInterval: Double(seconds) + Double(attoseconds) / 1e18)
  }

  /// This client within a budget: its calls have until `deadline` for all that they do.
  public func limited(until deadline: ContinuousClock.Instant) -> GitHubClient {
    var client = self
    client.transport = transport.limited(until: deadline)
    return client
  }

  /// Runs work that is made of several calls. Its place among those who wait for GitHub is taken before it begins, so that
  /// none of the calls of the client that it is given is refused for want of one. Returns nil, at once, where there is none.
  public func holdingPlace<Result, Failure: Error>(
    _ work: (GitHubClient) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard let waiters else { return try work(self) }
    var client = self
    client.waiters = nil
    return try waiters.runIfRoom { () throws(Failure) in try work(client) }
  }

  /// Whether another thread may wait for GitHub now.
  public var hasPlace: Bool { waiters?.hasRoom ?? true }

  // MARK: - What the answers have told

  /// What the last answer that told it said of the installation's rate limit. This client's copies know the same.
  public var rateLimit: RateLimitReading? { state.rateLimit }

  /// Until when GitHub has told this process to wait with the installation's requests; nil if it has not.
  public var holdEnd: Date? { state.holdEnd(now: now()) }

  /// By how many seconds GitHub's clock was ahead of `now` at the last answer; less than a second says nothing.
  public var clockDifference: Double? { state.clockDifference }

  /// Makes sure that GitHub accepts our credentials. Not counted among those who wait: one thread at a time asks for it, and
  /// what it finds out must not depend on how busy the others are.
  public func checkCredentials() throws(GitHubError) {
    _ = try tokens.current()
  }

  // MARK: - Requests

  /// Sends a request with the installation's token and returns the answer, whatever its status.
  ///
  /// 401 means that nothing was done. A token that was just made may not have reached all of GitHub: it is tried again for
  /// some seconds. One that GitHub has revoked is replaced, once.
  /// - Parameters:
  ///   - method: of the request.
  ///   - url: at the API's own scheme, host and port.
  ///   - body: sent with POST only.
  ///   - etag: of an earlier answer, to get another only if it has changed.
  ///   - isRepeatable: whether doing twice what is asked for does no harm.
  func send(
    _ method: HTTPRequest.Method, _ url: String, body: [UInt8] = [], etag: String? = nil,
    isRepeatable: Bool
  ) throws(GitHubError) -> HTTPResponse {
    try waiting { () throws(GitHubError) in
      var token = try tokens.current()
      var pauses = Self.freshTokenPauses[...]
      var isReplaced = false
      while true {
        try state.checkHold(.installation, now: now())
        let request = Self.request(method, url, bearer: token.text, body: body, etag: etag)
        let response = try transport.send(request, isRepeatable: isRepeatable)
        state.note(response, .installation, now: now())
        guard response.status == 401 else { return response }
        if isFresh(token), let pause = pauses.popFirst(), transport.pause(pause) { continue }
        tokens.discard(token)
        guard !isReplaced else { return response }
        isReplaced = true
        token = try tokens.current()
      }
    }
  }

  /// Before a token that was just made and is not accepted is tried again.
  private static let freshTokenPauses: [Duration] = [.seconds(1), .seconds(2), .seconds(3)]

  private func isFresh(_ token: InstallationTokenCache.Token) -> Bool {
    (0..<5).contains(now().timeIntervalSince(token.mintedAt))
  }

  /// Sends a request as the App, and returns the answer, whatever its status.
  func sendAsApp(
    _ method: HTTPRequest.Method, _ url: String, isRepeatable: Bool
  ) throws(GitHubError) -> HTTPResponse {
    try waiting { () throws(GitHubError) in
      try state.checkHold(.app, now: now())
      let response = try proof.send { jwt throws(GitHubError) in
        try transport.send(
          Self.request(method, url, bearer: jwt), isRepeatable: isRepeatable)
      }
      state.note(response, .app, now: now())
      return response
    }
  }

  private func waiting<Answer>(
    _ work: () throws(GitHubError) -> Answer
  ) throws(GitHubError) -> Answer {
    guard let waiters else { return try work() }
    return try waiters.run(orThrow: .tooManyWaiting, work)
  }

  /// What an answer that is no success means.
  func failure(_ response: HTTPResponse, isRegistration: Bool = false) -> GitHubError {
    GitHubError(response, now: now(), isRegistration: isRegistration)
  }

  /// A page of a hundred runners with all the labels that a runner can have: nobody must be able to hide from a sync by
  /// making its list too long to read.
  private static let maximumResponseSize = 8 << 20

  /// Where an answer says that the next page is. Our token goes to GitHub's API only.
  func nextURL(_ response: HTTPResponse) throws(GitHubError) -> String? {
    guard let url = response.link(relation: "next") else { return nil }
    guard let origin = Origin(url), origin == Origin(apiURL) else {
      throw .unreadableAnswer("the next page is not at the API's own address")
    }
    return url
  }

  private static func installationToken(
    _ response: HTTPResponse, now: Date
  ) throws(GitHubError) -> InstallationTokenCache.Token {
    switch response.status {
    case 201:
      let answer = try decode(InstallationToken.self, response)
      // By GitHub's clock where it says what that is: ours may be off by more than a token's life.
      let lifetime = answer.expiresAt.timeIntervalSince(response.date ?? now)
      return InstallationTokenCache.Token(
        text: answer.token, mintedAt: now, expiresAt: now.addingTimeInterval(lifetime))
    case 404:
      throw .credentialsRejected("the App has no such installation")
    default:
      throw GitHubError(response, now: now)
    }
  }

  private static func request(
    _ method: HTTPRequest.Method, _ url: String, bearer: String, body: [UInt8] = [],
    etag: String? = nil
  ) -> HTTPRequest {
    var headers: [(name: String, value: String)] = [
      ("Accept", "application/vnd.github+json"),
      ("Authorization", "Bearer \(bearer)"),
      ("User-Agent", "runner-token-service"),
      ("X-GitHub-Api-Version", "2022-11-28"),
      ("Content-Type", "application/json"),
    ]
    if let etag { headers.append(("If-None-Match", etag)) }
    return HTTPRequest(
      method, url, headers: headers, body: body, maximumResponseSize: maximumResponseSize)
  }
}
