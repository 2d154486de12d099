import Concurrency
import FastCGI
import Foundation
import JOSE

/// What all of GitHub's answers have in common: the checks that come before the endpoint,
/// conditional requests, rate limits, and headers.
extension Simulator {
  static let defaultVersion = "2022-11-28"
  private static let versions = [defaultVersion, "2026-03-10"]

  func gitHubAnswer(to call: Call, at endpoint: Endpoint?) -> Response {
    var budget = RateLimit.Budget.anonymous
    var response: Response
    do throws(Refusal) {
      try checkHeaders(of: call)
      guard let endpoint else { throw .notFound }
      budget = try authenticate(call, for: endpoint)
      if endpoint.access != .free { try charge(budget) }
      response = handle(call, at: endpoint)
    } catch {
      response = error.response
    }
    makeConditional(&response, for: call)
    if response.status == 304, endpoint?.access != .free { refund(budget) }
    if let accepted = endpoint?.acceptedPermissions {
      response.setDefault("X-Accepted-GitHub-Permissions", accepted)
    }
    return decorate(response, to: call, budget: budget)
  }

  private func checkHeaders(of call: Call) throws(Refusal) {
    guard let agent = call.header("User-Agent"), !agent.isEmpty else {
      throw .missingUserAgent
    }
    guard Self.versions.contains(selectedVersion(of: call)) else {
      throw Refusal(400, "The API version \(selectedVersion(of: call)) is not supported")
    }
  }

  private func selectedVersion(of call: Call) -> String {
    call.header("X-GitHub-Api-Version") ?? Self.defaultVersion
  }

  // MARK: - Who asks, and how often

  /// Whose budget the call is on, once its credentials are good for the endpoint.
  private func authenticate(
    _ call: Call, for endpoint: Endpoint
  ) throws(Refusal) -> RateLimit.Budget {
    switch endpoint.access {
    case .free:
      guard call.header("Authorization") != nil else { return .anonymous }
      try authenticateInstallation(try authorization(of: call).credentials, .read)
      return .installation
    case .app:
      let (scheme, credentials) = try authorization(of: call)
      guard scheme == "bearer" else { throw .undecodableJWT }
      try appAuthentication.verify(credentials, at: now())
      return .app
    case .installation(let level):
      try authenticateInstallation(try authorization(of: call).credentials, level)
      return .installation
    }
  }

  /// The scheme in lower case, and the credentials.
  private func authorization(of call: Call) throws(Refusal) -> (scheme: String, credentials: String)
  {
    guard let header = call.header("Authorization"), !header.isEmpty else {
      throw Refusal(401, "Requires authentication")
    }
    let words = header.split(separator: " ", maxSplits: 1)
    guard words.count == 2, ["bearer", "token"].contains(words[0].lowercased()) else {
      throw .badCredentials
    }
    return (words[0].lowercased(), String(words[1]))
  }

  private func authenticateInstallation(
    _ credentials: String, _ level: InstallationToken.Level
  ) throws(Refusal) {
    let now = now()
    let (token, isSuspended) = state.withLock { state in
      (state.installationToken(credentials, at: now), state.suspendedAt != nil)
    }
    guard let token else { throw .badCredentials }
    guard !isSuspended else {
      throw Refusal(
        403, "Sorry. This installation owned by \(settings.organization) has been suspended")
    }
    guard token.allows(level) else { throw Refusal(403, "Resource not accessible by integration") }
  }

  private func charge(_ budget: RateLimit.Budget) throws(Refusal) {
    let now = now()
    guard state.withLock({ $0[budget, now: now].take(at: now) }) else {
      throw .rateLimited(installationID: settings.installationID)
    }
  }

  /// A client that has the answer already does not pay for asking.
  private func refund(_ budget: RateLimit.Budget) {
    let now = now()
    state.withLock { $0[budget, now: now].giveBack() }
  }

  // MARK: - Headers

  /// Gives a successful answer its ETag, and turns it into a 304 if the client has it already.
  private func makeConditional(_ response: inout Response, for call: Call) {
    guard (200..<300).contains(response.status), !response.body.isEmpty,
      let digest = try? Digest.sha256Hex(response.body)
    else { return }
    let isRead = ["GET", "HEAD"].contains(call.method)
    let tag = isRead ? "W/\"\(digest)\"" : "\"\(digest)\""
    if isRead, let known = call.header("If-None-Match"), known == "*" || known.contains(digest) {
      response = Response(status: 304)
      state.withLock { $0.notModified += 1 }
    }
    response.setDefault("ETag", tag)
    response.setDefault("Cache-Control", "private, max-age=60, s-maxage=60")
    response.setDefault("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
  }

  /// Adds the headers that every answer of GitHub's carries, without replacing any.
  func decorate(_ response: Response, to call: Call, budget: RateLimit.Budget) -> Response {
    var response = response
    let now = now()
    let limit = state.withLock { $0[budget, now: now] }
    let group = { Random.hex(7) }
    let requestID = "\(Random.hex(4)):\(Random.hex(6)):\(group()):\(group()):\(Random.hex(8))"
    let headers = [
      ("X-GitHub-Api-Version-Selected", selectedVersion(of: call)),
      ("X-GitHub-Media-Type", "github.v3; format=json"),
      ("X-GitHub-Request-Id", requestID),
      ("X-RateLimit-Limit", String(limit.limit)),
      ("X-RateLimit-Remaining", String(limit.remaining)),
      ("X-RateLimit-Used", String(limit.used)),
      ("X-RateLimit-Reset", String(limit.resetSeconds)),
      ("X-RateLimit-Resource", "core"),
    ]
    for (name, value) in headers { response.setDefault(name, value) }
    return response
  }
}

extension Endpoint {
  /// The permission that GitHub says the endpoint needs.
  fileprivate var acceptedPermissions: String? {
    guard case .installation(let level) = access else { return nil }
    return "organization_self_hosted_runners=\(level.rawValue)"
  }
}

extension Refusal {
  static let badCredentials = Refusal(401, "Bad credentials")

  fileprivate static func rateLimited(installationID: Int) -> Refusal {
    Refusal(
      403, "API rate limit exceeded for installation ID \(installationID).",
      documentation: "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api")
  }

  /// Not JSON: the real one comes from a proxy before the API.
  fileprivate static let missingUserAgent = Refusal(
    Response(
      status: 403, headers: [Response.Header("Content-Type", "text/html")],
      body: Array(
        """
        \r
        Request forbidden by administrative rules. Please make sure your request has a User-Agent \
        header (http://developer.github.com/v3/#user-agent-required). Check \
        https://developer.github.com for other possible causes.\r\n
        """.utf8)))
}
