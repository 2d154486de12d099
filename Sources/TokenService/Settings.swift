public import GitHub
public import OIDC
public import Runners

/// The configuration of the service, read once and complete: no part of the program looks at the environment.
public struct Settings: Sendable {
  public var github: GitHubSettings
  /// nil where authentication is disabled, which is for development only.
  public var identityProvider: Provider?
  /// The claim that gives callers the name that people read.
  public var identityClaim: String
  public var adminRule: AdminRule
  public var defaultLabelPolicy: DefaultLabelPolicy
  public var defaultRunnerGroupID: Int64
  public var databasePath: String
  public var auditLogPath: String
  public var workerThreads: Int
  public var logLevel: LogLevel

  /// How the service reaches GitHub.
  public struct GitHubSettings: Sendable {
    public var credentials: AppCredentials
    /// The organization's login.
    public var organization: String
    /// Without a slash at its end.
    public var apiURL: String
    /// Without a slash at its end.
    public var webURL: String
  }

  /// Who administers the service over HTTP. Empty lists: nobody.
  public struct AdminRule: Sendable {
    public var identities: [String]
    public var claim: String
    public var claimValues: [String]
  }

  public enum LogLevel: String, Sendable, CaseIterable {
    case debug, info, warning, error
  }

  var isAuthenticationEnabled: Bool { identityProvider != nil }

  var organization: String { github.organization }

  /// What `config.sh` wants as `--url`.
  var githubURL: String { "\(github.webURL)/\(github.organization)" }

  /// What an admin should know about this configuration when the service starts.
  public var warnings: [String] {
    if !isAuthenticationEnabled {
      return [
        "ENABLE_OIDC_AUTH=false: whoever can connect from this machine is an administrator; for development only"
      ]
    }
    if defaultLabelPolicy == .allow {
      return [
        "DEFAULT_LABEL_POLICY=allow: every caller with a valid token gets every label; for trying the service out"
      ]
    }
    return []
  }
}
