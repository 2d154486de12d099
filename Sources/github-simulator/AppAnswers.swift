import Foundation

/// GitHub's JSON for the organization as an account.
struct Account: Encodable {
  /// The organization's number, by which `Link` headers name it.
  static let organizationID = 21_341_965

  let login: String
  let id = Self.organizationID
  let nodeID = "O_kgDOAUWnrQ"
  let avatarURL: String
  let gravatarID = ""
  let url: String
  let htmlURL: String
  let followersURL: String
  let followingURL: String
  let gistsURL: String
  let starredURL: String
  let subscriptionsURL: String
  let organizationsURL: String
  let reposURL: String
  let eventsURL: String
  let receivedEventsURL: String
  let type = "Organization"
  let siteAdmin = false

  init(_ settings: Simulator.Settings) {
    login = settings.organization
    url = "\(settings.baseURL)/api/v3/users/\(login)"
    htmlURL = "\(settings.baseURL)/\(login)"
    avatarURL = "\(settings.baseURL)/avatars/u/\(Self.organizationID)"
    followersURL = url + "/followers"
    followingURL = url + "/following{/other_user}"
    gistsURL = url + "/gists{/gist_id}"
    starredURL = url + "/starred{/owner}{/repo}"
    subscriptionsURL = url + "/subscriptions"
    organizationsURL = url + "/orgs"
    reposURL = url + "/repos"
    eventsURL = url + "/events{/privacy}"
    receivedEventsURL = url + "/received_events"
  }
}

/// GitHub's JSON for the App: an "integration".
struct AppAnswer: Encodable {
  static let slug = "runner-token-service"
  static let birthday = "2026-01-15T09:30:00Z"

  let id: Int
  let slug = Self.slug
  let nodeID = "A_kwDOAUWnrc4AADA5"
  let owner: Account
  let name = "Runner token service"
  let description = "Registers self-hosted runners."
  let externalURL: String
  let htmlURL: String
  let createdAt = Self.birthday
  let updatedAt = Self.birthday
  let permissions = InstallationToken.granted
  let events = ["workflow_job"]
  let installationsCount = 1

  init(_ settings: Simulator.Settings) {
    id = settings.appID
    owner = Account(settings)
    externalURL = settings.baseURL
    htmlURL = "\(settings.baseURL)/github-apps/\(Self.slug)"
  }
}

/// GitHub's JSON for an installation of the App.
struct InstallationAnswer: Encodable {
  let id: Int
  let account: Account
  let repositorySelection = "all"
  let accessTokensURL: String
  let repositoriesURL: String
  let htmlURL: String
  let appID: Int
  let appSlug = AppAnswer.slug
  let targetID = Account.organizationID
  let targetType = "Organization"
  let permissions = InstallationToken.granted
  let events = ["workflow_job"]
  let createdAt = AppAnswer.birthday
  let updatedAt = AppAnswer.birthday
  let singleFileName = Nullable<String>(nil)
  let hasMultipleSingleFiles = false
  let singleFilePaths: [String] = []
  let suspendedBy: Nullable<Account>
  let suspendedAt: Nullable<String>

  init(_ settings: Simulator.Settings, suspendedAt: Date?) {
    let api = "\(settings.baseURL)/api/v3"
    let account = Account(settings)
    id = settings.installationID
    self.account = account
    accessTokensURL = "\(api)/app/installations/\(id)/access_tokens"
    repositoriesURL = "\(api)/installation/repositories"
    htmlURL = "\(account.htmlURL)/settings/installations/\(id)"
    appID = settings.appID
    suspendedBy = Nullable(suspendedAt == nil ? nil : account)
    self.suspendedAt = Nullable(suspendedAt?.utcTimestamp)
  }
}

struct InstallationTokenAnswer: Encodable {
  let token: String
  let expiresAt: String
  let permissions: [String: InstallationToken.Level]
  let repositorySelection = "all"

  init(_ token: InstallationToken) {
    self.token = token.text
    expiresAt = token.expiry.utcTimestamp
    permissions = token.permissions
  }
}

struct RateLimitAnswer: Encodable {
  struct Limit: Encodable {
    let limit: Int
    let remaining: Int
    let reset: Int
    let used: Int

    init(_ limit: RateLimit) {
      self.limit = limit.limit
      remaining = limit.remaining
      reset = limit.resetSeconds
      used = limit.used
    }
  }

  let resources: [String: Limit]
  let rate: Limit

  init(_ core: RateLimit, now: Date) {
    rate = Limit(core)
    resources = [
      "core": rate,
      "search": Limit(RateLimit(limit: 30, now: now)),
      "actions_runner_registration": Limit(RateLimit(limit: 10_000, now: now)),
    ]
  }
}
