import Foundation

/// Everything that the simulator remembers, except the keys of the identity provider.
struct GitHubState: Sendable {
  /// What GitHub has handed out since the start.
  struct Issued: Sendable {
    var registrationTokens: [String] = []
    var jitConfigs: [String] = []
    var installationTokens = 0
  }

  static let tokenLifetime: TimeInterval = 3600

  var runners = RunnerRegistry()
  var groups = [RunnerGroup(id: 1, name: "Default")]
  /// Expiry by token. Any number of runners may use one until then.
  private var registrationTokens: [String: Date] = [:]
  private var installationTokens: [String: InstallationToken] = [:]
  var suspendedAt: Date?
  private var rateLimits: [RateLimit.Budget: RateLimit]
  var issued = Issued()
  var webhooks = WebhookLog()
  var faults = FaultQueue()
  /// How many came, by method and template.
  var requests: [String: Int] = [:]

  /// How many answers said that what was asked for had not changed.
  var notModified = 0

  init(rateLimit: Int, now: Date) {
    rateLimits = [
      .installation: RateLimit(limit: rateLimit, now: now),
      .app: RateLimit(limit: rateLimit, now: now),
      .anonymous: RateLimit(limit: 60, now: now),
    ]
  }

  subscript(budget: RateLimit.Budget, now now: Date) -> RateLimit {
    get { rateLimits[budget]?.at(now) ?? RateLimit(limit: 60, now: now) }
    set { rateLimits[budget] = newValue }
  }

  func group(id: Int) -> RunnerGroup? {
    groups.first { $0.id == id }
  }

  // MARK: - Tokens

  mutating func issueRegistrationToken(now: Date) -> (token: String, expiry: Date) {
    let token = Random.registrationToken()
    let expiry = now + Self.tokenLifetime
    registrationTokens[token] = expiry
    issued.registrationTokens.append(token)
    return (token, expiry)
  }

  func isRegistrationToken(_ token: String, at now: Date) -> Bool {
    registrationTokens[token].map { $0 > now } ?? false
  }

  mutating func store(_ token: InstallationToken) {
    installationTokens[token.text] = token
    issued.installationTokens += 1
  }

  func installationToken(_ text: String, at now: Date) -> InstallationToken? {
    installationTokens[text].flatMap { $0.expiry > now ? $0 : nil }
  }

  mutating func revokeInstallationTokens() {
    installationTokens = [:]
  }
}

/// A runner group of the organization.
struct RunnerGroup: Sendable {
  /// A group that exists but is GitHub's own: asking for it is forbidden rather than not found.
  static let hostedID = 2

  let id: Int
  let name: String
}
