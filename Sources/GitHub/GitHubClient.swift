public import Foundation
public import HTTPClient

/// GitHub's REST API as a GitHub App sees it, for one organization. Safe to use from any thread.
public struct GitHubClient: Sendable {
  private let apiURL: String
  private let organization: String
  private var http: HTTPClient
  private let tokens: InstallationTokenCache
  private let now: @Sendable () -> Date

  /// - Parameters:
  ///   - apiURL: without a slash at its end, such as `https://api.github.com`.
  ///   - organization: its login; only ASCII letters, digits and hyphens.
  public init(
    apiURL: String, organization: String, credentials: AppCredentials, http: HTTPClient,
    now: @escaping @Sendable () -> Date
  ) {
    self.apiURL = apiURL
    self.organization = organization
    self.http = http
    self.now = now
    // Not within the budget of the request that happens to need it: others wait for the same token.
    tokens = InstallationTokenCache(now: now) { () throws(GitHubError) in
      let jwt: String
      do { jwt = try credentials.appJWT(now: now()) } catch {
        throw .credentialsRejected("the App JWT could not be signed")
      }
      return try Self.mintInstallationToken(
        apiURL: apiURL, installationID: credentials.installationID, jwt: jwt, http: http,
        now: now())
    }
  }

  /// This client within a budget: its calls have until `deadline` for all that they do.
  public func limited(until deadline: ContinuousClock.Instant) -> GitHubClient {
    var client = self
    client.http = http.limited(until: deadline)
    return client
  }

  // MARK: - Runners

  /// A token with which `config.sh` registers a runner. GitHub lets it be used any number of times until it expires.
  public func makeRegistrationToken() throws(GitHubError) -> RegistrationToken {
    let response = try send(.post, runnersPath + "/registration-token", body: [])
    guard response.status == 201 else { throw GitHubError(response, now: now()) }
    return try decode(RegistrationToken.self, response)
  }

  /// The runner with this id, or nil if GitHub knows none.
  public func runner(id: Int64) throws(GitHubError) -> GitHubRunner? {
    let response = try send(.get, runnersPath + "/\(id)")
    if response.status == 404 { return nil }
    guard response.status == 200 else { throw GitHubError(response, now: now()) }
    return try decode(GitHubRunner.self, response)
  }

  /// The runner of this name, compared without regard to case, or nil. `name` needs no percent-encoding: it has only the
  /// characters of a runner name.
  public func runner(name: String) throws(GitHubError) -> GitHubRunner? {
    let response = try send(.get, runnersPath + "?name=\(name)&per_page=100")
    guard response.status == 200 else { throw GitHubError(response, now: now()) }
    let page = try decode(RunnerPage.self, response)
    return page.runners.first { $0.name.lowercased() == name.lowercased() }
  }

  /// Removes a runner. Returns whether it was there. Throws `runnerBusy` while it runs a job.
  @discardableResult
  public func deleteRunner(id: Int64) throws(GitHubError) -> Bool {
    let response = try send(.delete, runnersPath + "/\(id)")
    switch response.status {
    case 204: return true
    case 404: return false
    // Whatever the wording, 422 on this route means that the runner has a job.
    case 422: throw .runnerBusy
    default: throw GitHubError(response, now: now())
    }
  }

  /// Makes sure that GitHub accepts our credentials.
  public func checkCredentials() throws(GitHubError) {
    _ = try tokens.current()
  }

  // MARK: - Transport

  private var runnersPath: String { "/orgs/\(organization)/actions/runners" }

  /// Sends a request with the installation token. A token that GitHub has revoked is replaced once: 401 means that
  /// nothing was done.
  private func send(
    _ method: HTTPRequest.Method, _ path: String, body: [UInt8] = []
  ) throws(GitHubError) -> HTTPResponse {
    let token = try tokens.current()
    let response = try send(method, path, body: body, token: token)
    guard response.status == 401 else { return response }
    tokens.discard(token)
    return try send(method, path, body: body, token: try tokens.current())
  }

  private func send(
    _ method: HTTPRequest.Method, _ path: String, body: [UInt8], token: String
  ) throws(GitHubError) -> HTTPResponse {
    try Self.send(
      HTTPRequest(method, apiURL + path, headers: Self.headers(bearer: token), body: body),
      over: http)
  }

  private static func mintInstallationToken(
    apiURL: String, installationID: Int64, jwt: String, http: HTTPClient, now: Date
  ) throws(GitHubError) -> InstallationTokenCache.Token {
    let request = HTTPRequest(
      .post, apiURL + "/app/installations/\(installationID)/access_tokens",
      headers: headers(bearer: jwt))
    let response = try send(request, over: http)
    switch response.status {
    case 201:
      let answer = try decode(InstallationToken.self, response)
      return InstallationTokenCache.Token(text: answer.token, expiresAt: answer.expiresAt)
    case 401, 404:
      throw .credentialsRejected(response.gitHubMessage)
    default:
      throw GitHubError(response, now: now)
    }
  }

  private static func headers(bearer: String) -> [(name: String, value: String)] {
    [
      ("Accept", "application/vnd.github+json"),
      ("Authorization", "Bearer \(bearer)"),
      ("User-Agent", "runner-token-service"),
      ("X-GitHub-Api-Version", "2022-11-28"),
      ("Content-Type", "application/json"),
    ]
  }

  private static func send(
    _ request: HTTPRequest, over http: HTTPClient
  ) throws(GitHubError) -> HTTPResponse {
    do { return try http.send(request) } catch {
      switch error {
      case .cannotConnect(let reason): throw .unavailable(reason, mayHaveActed: false)
      case .urlNotAllowed: throw .unavailable("the URL is not allowed", mayHaveActed: false)
      case .timedOut: throw .unavailable("timed out", mayHaveActed: true)
      case .broken(let reason): throw .unavailable(reason, mayHaveActed: true)
      case .responseTooLarge: throw .unreadableAnswer("the answer is too large")
      }
    }
  }
}
