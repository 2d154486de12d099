import Concurrency
import FastCGI
import Foundation
import StrictJSON

extension Endpoint {
  /// What the GitHub App asks for itself, with its JWT.
  static let gitHubApp = [
    Endpoint("GET", "/api/v3/app", access: .app, Simulator.app),
    Endpoint(
      "GET", "/api/v3/app/installations/{installation}", access: .app, Simulator.installation),
    Endpoint(
      "POST", "/api/v3/app/installations/{installation}/access_tokens", access: .app,
      Simulator.createInstallationToken),
    Endpoint(
      "GET", "/api/v3/orgs/{org}/installation", access: .app, Simulator.organizationInstallation),
    Endpoint("GET", "/api/v3/rate_limit", access: .free, Simulator.rateLimits),
  ]
}

extension Simulator {
  fileprivate func app(_ call: Call) throws(Refusal) -> Response {
    .json(200, AppAnswer(settings))
  }

  fileprivate func installation(_ call: Call) throws(Refusal) -> Response {
    try checkInstallation(call)
    return installationAnswer()
  }

  fileprivate func organizationInstallation(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    return installationAnswer()
  }

  /// A suspended installation is still shown; only its tokens are refused.
  private func installationAnswer() -> Response {
    let suspension = state.withLock { $0.suspendedAt }
    return .json(200, InstallationAnswer(settings, suspendedAt: suspension))
  }

  private func checkInstallation(_ call: Call) throws(Refusal) {
    guard call.number("installation") == settings.installationID else { throw .notFound }
  }

  fileprivate func createInstallationToken(_ call: Call) throws(Refusal) -> Response {
    try checkInstallation(call)
    let token = InstallationToken(
      settings: settings, expiry: now() + GitHubState.tokenLifetime,
      permissions: try requestedPermissions(call))
    try state.withLock { state throws(Refusal) in
      guard state.suspendedAt == nil else {
        throw .accessToken(403, "This installation has been suspended")
      }
      state.store(token)
    }
    return .json(201, InstallationTokenAnswer(token))
  }

  /// All that was granted, or what the body narrows it to. Reading metadata always comes with it.
  private func requestedPermissions(
    _ call: Call
  ) throws(Refusal) -> [String: InstallationToken.Level] {
    let requested: JSONObject?
    do throws(Refusal) {
      requested = try RequestBody(call).optional("permissions", .object)
    } catch {
      throw .accessToken(400, "Problems parsing JSON")
    }
    guard let requested else { return InstallationToken.granted }
    var permissions: [String: InstallationToken.Level] = ["metadata": .read]
    for member in requested.members {
      guard let level = member.value.string.flatMap(InstallationToken.Level.init),
        let granted = InstallationToken.granted[member.name], level <= granted
      else {
        throw .accessToken(
          422, "The permissions requested are not granted to this installation.")
      }
      permissions[member.name] = level
    }
    return permissions
  }

  fileprivate func rateLimits(_ call: Call) throws(Refusal) -> Response {
    let now = now()
    let budget: RateLimit.Budget =
      call.header("Authorization") == nil ? .anonymous : .installation
    return .json(200, RateLimitAnswer(state.withLock { $0[budget, now: now] }, now: now))
  }
}

extension Refusal {
  fileprivate static func accessToken(_ status: Int, _ message: String) -> Refusal {
    Refusal(
      status, message,
      documentation: "https://docs.github.com/rest/reference/apps"
        + "#create-an-installation-access-token-for-an-app")
  }
}
