public import Foundation
public import HTTPClient

/// GitHub's REST API as a GitHub App sees it, for one organization. Safe to use from any thread.
public struct GitHubClient: Sendable {
  private let apiURL: String
  private let organization: String
  private let credentials: AppCredentials
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
    self.credentials = credentials
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
    let page = try decode(RunnerPageBody.self, response)
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

  /// Creates a runner and what it connects with. Throws `nameTaken` where there is one of this name. If the answer is lost,
  /// the runner may be there all the same.
  /// - Parameters:
  ///   - labels: 1 to 100; GitHub adds none.
  ///   - workFolder: relative to the runner's directory.
  public func makeJITConfiguration(
    name: String, runnerGroupID: Int64, labels: [String], workFolder: String
  ) throws(GitHubError) -> JITConfiguration {
    struct Body: Encodable {
      let name: String
      let runnerGroupId: Int64
      let labels: [String]
      let workFolder: String
    }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    let wanted = Body(
      name: name, runnerGroupId: runnerGroupID, labels: labels, workFolder: workFolder)
    guard let body = try? encoder.encode(wanted) else {
      throw .refused(status: 0, message: "the request cannot be encoded")
    }
    let response = try send(.post, runnersPath + "/generate-jitconfig", body: Array(body))
    guard response.status == 201 else { throw GitHubError(response, now: now()) }
    return try decode(JITConfiguration.self, response)
  }

  /// A page of the organization's runners: the first one, or the one at `url`, which the page before named as its next.
  /// nil if it is as it was when it had this `etag`, which costs none of the rate limit.
  public func runnerPage(
    at url: String? = nil, unlessTagged etag: String? = nil
  ) throws(GitHubError) -> RunnerPage? {
    let response = try send(.get, url: url ?? firstRunnerPageURL, etag: etag)
    if response.status == 304, etag != nil { return nil }
    guard response.status == 200 else { throw GitHubError(response, now: now()) }
    let body = try decode(RunnerPageBody.self, response)
    return RunnerPage(
      totalCount: body.totalCount, runners: body.runners, etag: response.header("etag"),
      nextURL: try nextURL(response), requestID: response.header("x-github-request-id"))
  }

  public var firstRunnerPageURL: String { apiURL + runnersPath + "?per_page=100" }

  // MARK: - Runner groups

  /// All runner groups of the organization.
  public func runnerGroups() throws(GitHubError) -> [RunnerGroup] {
    var groups: [RunnerGroup] = []
    var url: String? = apiURL + "/orgs/\(organization)/actions/runner-groups?per_page=100"
    while let next = url {
      let response = try send(.get, url: next)
      guard response.status == 200 else { throw GitHubError(response, now: now()) }
      groups += try decode(RunnerGroupPageBody.self, response).runnerGroups
      url = try nextURL(response)
    }
    return groups
  }

  // MARK: - The App

  /// Makes sure that GitHub accepts our credentials.
  public func checkCredentials() throws(GitHubError) {
    _ = try tokens.current()
  }

  /// The App, as GitHub knows it: proves the key, and tells what it may do.
  public func app() throws(GitHubError) -> AppDescription {
    let response = try sendAsApp(.get, url: apiURL + "/app")
    guard response.status == 200 else { throw GitHubError(response, now: now()) }
    return try decode(AppDescription.self, response)
  }

  /// The installation; also one that is suspended. Throws `notFound` for one that is gone.
  public func installation() throws(GitHubError) -> InstallationDescription {
    let response = try sendAsApp(
      .get, url: apiURL + "/app/installations/\(credentials.installationID)")
    guard response.status == 200 else { throw GitHubError(response, now: now()) }
    return try decode(InstallationDescription.self, response)
  }

  /// A page of the attempts to deliver webhooks to the App that failed, newest first, and where the next page is.
  public func failedDeliveries(
    at url: String? = nil
  ) throws(GitHubError) -> (deliveries: [WebhookDelivery], nextURL: String?) {
    let first = apiURL + "/app/hook/deliveries?status=failure&per_page=100"
    let response = try sendAsApp(.get, url: url ?? first)
    guard response.status == 200 else { throw GitHubError(response, now: now()) }
    return (try decode([WebhookDelivery].self, response), try nextURL(response))
  }

  /// Asks GitHub to try an attempt's delivery again. It keeps its GUID.
  public func redeliver(attempt id: Int64) throws(GitHubError) {
    let response = try sendAsApp(.post, url: apiURL + "/app/hook/deliveries/\(id)/attempts")
    guard response.status == 202 else { throw GitHubError(response, now: now()) }
  }

  // MARK: - Transport

  private var runnersPath: String { "/orgs/\(organization)/actions/runners" }

  private func send(
    _ method: HTTPRequest.Method, _ path: String, body: [UInt8] = []
  ) throws(GitHubError) -> HTTPResponse {
    try send(method, url: apiURL + path, body: body)
  }

  /// Sends a request with the installation token. A token that GitHub has revoked is replaced once: 401 means that
  /// nothing was done.
  private func send(
    _ method: HTTPRequest.Method, url: String, body: [UInt8] = [], etag: String? = nil
  ) throws(GitHubError) -> HTTPResponse {
    let token = try tokens.current()
    let response = try send(method, url: url, body: body, etag: etag, bearer: token)
    guard response.status == 401 else { return response }
    tokens.discard(token)
    return try send(method, url: url, body: body, etag: etag, bearer: try tokens.current())
  }

  private func sendAsApp(
    _ method: HTTPRequest.Method, url: String
  ) throws(GitHubError) -> HTTPResponse {
    let jwt: String
    do { jwt = try credentials.appJWT(now: now()) } catch {
      throw .credentialsRejected("the App JWT could not be signed")
    }
    return try send(method, url: url, body: [], etag: nil, bearer: jwt)
  }

  private func send(
    _ method: HTTPRequest.Method, url: String, body: [UInt8], etag: String?, bearer: String
  ) throws(GitHubError) -> HTTPResponse {
    var headers = Self.headers(bearer: bearer)
    if let etag { headers.append(("If-None-Match", etag)) }
    return try Self.send(
      HTTPRequest(
        method, url, headers: headers, body: body, maximumResponseSize: Self.maximumResponseSize),
      over: http)
  }

  /// A page of a hundred runners with all the labels that a runner can have: nobody must be able to hide from a sync by
  /// making its list too long to read.
  private static let maximumResponseSize = 8 << 20

  /// Where an answer says that the next page is. Our token goes to GitHub's API only.
  private func nextURL(_ response: HTTPResponse) throws(GitHubError) -> String? {
    guard let url = response.link(relation: "next") else { return nil }
    guard url.hasPrefix(apiURL + "/") else {
      throw .unreadableAnswer("the next page is not at the API's own address")
    }
    return url
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
