public import GitHub
public import JOSE
public import OIDC
public import Runners

/// The configuration of the service, read once and complete: no part of the program looks at the environment.
public struct Settings: Sendable {
  /// Which organization's runners are registered, and as which App.
  public var github: GitHubSettings
  /// Whether callers have to prove who they are. Without is for development only.
  public var isAuthenticationEnabled: Bool
  /// Whose tokens are accepted.
  public var identityProviders: [Provider]
  /// Whether a token is good for one runner only.
  public var hasSingleUseTokens: Bool
  /// Which callers are admins.
  public var adminRule: AdminRule
  /// For callers who have neither a stored policy nor one in their token.
  public var defaultLabelPolicy: DefaultLabelPolicy
  /// How many live runners those may have to whom the default policy applies. nil for no limit.
  public var defaultMaximumRunners: Int?
  /// Whether a token may carry a policy (`runner_permissions`).
  public var hasClaimPolicies: Bool
  /// GitHub's id of the group that is meant where a request names none.
  public var defaultRunnerGroupID: Int64
  /// Of SQLite's file; its companions and the locks lie beside it.
  public var databasePath: String
  /// Of the audit log's file, the mirror of the table (`AuditFile`).
  public var auditLogPath: String
  /// Requests that one worker can have in flight at a time: 1 to 512.
  public var workerThreads: Int
  /// Seconds from one full sync with GitHub to the next.
  public var syncIntervalSeconds = 300
  /// How long a runner may be offline before it is removed; zero: for ever.
  public var staleRunnerHours = 24
  /// What becomes of runners at GitHub that nobody provisioned here.
  public var unmanagedRunners = UnmanagedRunners.alert
  /// Lines below it are not written.
  public var logLevel: LogLevel
  /// Names that were set and look as if they were meant for this service, which reads none such.
  public var unknownVariables: [String] = []

  /// How the service reaches GitHub.
  public struct GitHubSettings: Sendable {
    /// By what the App proves that it is one.
    public var credentials: AppCredentials
    /// The organization's login.
    public var organization: String
    /// Without a slash at its end.
    public var apiURL: String
    /// Without a slash at its end.
    public var webURL: String
    /// What GitHub signs its webhooks with. nil: they are not received.
    public var webhookKey: KeyedHash?
    /// Where the keys of `credentials` were read, in their order.
    public var privateKeyPaths: [String] = []
  }

  /// Who administers the service over HTTP. Empty lists: nobody. The claim is believed in tokens of the first provider
  /// only: what a CI system calls a group is not what the organization's directory calls one.
  public struct AdminRule: Sendable {
    /// Callers with one of these identities, byte for byte, are admins.
    public var identities: [String]
    /// The name of a claim that is a text or a list of texts.
    public var claim: String
    /// Callers in whose `claim` one of these stands, byte for byte, are admins.
    public var claimValues: [String]
  }

  /// `LOG_LEVEL`: how much is logged, in rising order of importance.
  public enum LogLevel: String, Sendable, CaseIterable {
    /// Whatever may help to find a fault, such as webhooks that are about nothing of this service's.
    case debug
    /// Each request, and what the processes do by themselves.
    case info
    /// What an admin should know, though the service does its work.
    case warning
    /// What did not come about and should have.
    case error
  }

  var organization: String { github.organization }

  /// How many of a worker's threads may wait for GitHub at a time: four answer whatever needs no GitHub.
  public var maximumGitHubWaiters: Int { max(1, workerThreads - 4) }

  /// What `config.sh` wants as `--url`.
  var githubURL: String { "\(github.webURL)/\(github.organization)" }

  /// What an admin should know about this configuration when the service starts.
  public var warnings: [String] {
    var warnings = unknownVariables.map { "\($0) is not a variable of this service" }
    guard isAuthenticationEnabled else {
      warnings.append(
        "ENABLE_OIDC_AUTH=false: whoever can connect from this machine is an administrator; for development only"
      )
      return warnings
    }
    warnings += identityProviders.filter(\.isOpenToStrangers).map { provider in
      "anybody can get a token of \(provider.issuer) for any audience; name your organization in required_claims (see OIDC_PROVIDERS_FILE)"
    }
    if defaultLabelPolicy == .allow {
      warnings.append(
        "DEFAULT_LABEL_POLICY=allow: every caller with a valid token gets every label; for trying the service out"
      )
    }
    return warnings
  }
}

extension Provider {
  /// Issuers that serve the whole world and let the caller name the audience, each with the claims that say whose caller
  /// it is.
  private static let publicIssuers: [String: Set<String>] = [
    "https://token.actions.githubusercontent.com": [
      "repository_owner_id", "repository_owner", "repository_id", "repository", "enterprise_id",
      "enterprise", "sub",
    ],
    "https://gitlab.com": ["namespace_id", "namespace_path", "project_id", "project_path", "sub"],
    "https://accounts.google.com": ["hd", "email", "sub"],
    "https://agent.buildkite.com": ["organization_id", "organization_slug", "sub"],
    "https://app.terraform.io": [
      "terraform_organization_id", "terraform_organization_name", "sub",
    ],
  ]

  fileprivate var isOpenToStrangers: Bool {
    guard let owners = Self.publicIssuers[issuer] else { return false }
    return !requiredClaims.contains { owners.contains($0.claim.description) }
  }
}
