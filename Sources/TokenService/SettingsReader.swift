public import Configuration
import Foundation
import GitHub
import HTTPClient
import JOSE
import OIDC
import Runners

/// Why a configuration cannot be used: every fault at once.
public struct SettingsError: Error, Sendable, CustomStringConvertible {
  public struct Fault: Sendable, Equatable {
    /// The environment variable.
    public let variable: String
    /// What it should be.
    public let message: String
  }

  public let faults: [Fault]

  public var description: String {
    faults.map { "\($0.variable): \($0.message)" }.joined(separator: "\n")
  }
}

extension Settings {
  /// Reads the configuration from environment variables. Throws an error that names every variable that is missing or
  /// wrong.
  public init(reading config: ConfigReader) throws(SettingsError) {
    var reader = SettingsReader(config: config)
    let github = reader.github()
    let provider = reader.identityProvider()
    let identityClaim = reader.text("OIDC_IDENTITY_CLAIM", default: "email")
    let adminRule = AdminRule(
      identities: reader.list("ADMIN_IDENTITIES"),
      claim: reader.text("ADMIN_CLAIM", default: "groups"),
      claimValues: reader.list("ADMIN_CLAIM_VALUES"))
    let policy = reader.choice("DEFAULT_LABEL_POLICY", default: DefaultLabelPolicy.deny)
    let groupID = reader.number("DEFAULT_RUNNER_GROUP_ID", default: 1, in: 1...Int64.max)
    let databasePath = reader.databasePath()
    let auditLogPath = reader.text(
      "AUDIT_LOG_PATH", default: "/var/log/runner-token-service/audit.jsonl")
    let threads = reader.number("WORKER_THREADS", default: 16, in: 1...512)
    let logLevel = reader.choice("LOG_LEVEL", default: LogLevel.info)
    guard reader.faults.isEmpty, let github else { throw SettingsError(faults: reader.faults) }
    self.init(
      github: github, identityProvider: provider, identityClaim: identityClaim,
      adminRule: adminRule, defaultLabelPolicy: policy, defaultRunnerGroupID: groupID,
      databasePath: databasePath, auditLogPath: auditLogPath, workerThreads: Int(threads),
      logLevel: logLevel)
  }
}

/// Reads variables one by one and gathers what is wrong with them.
private struct SettingsReader {
  let config: ConfigReader
  private(set) var faults: [SettingsError.Fault] = []

  init(config: ConfigReader) {
    self.config = config
  }

  private mutating func fail(_ variable: String, _ message: String) {
    faults.append(SettingsError.Fault(variable: variable, message: message))
  }

  // MARK: - Kinds of values

  /// An empty variable counts as absent. Quotes around a value are taken off, as systemd does in its environment files.
  private func value(_ variable: String) -> String? {
    let key = ConfigKey(variable.lowercased().split(separator: "_").map(String.init))
    var value = config.string(forKey: key)?.trimmingCharacters(in: .whitespaces)[...] ?? ""
    if value.count >= 2, let quote = value.first, "\"'".contains(quote), value.last == quote {
      value = value.dropFirst().dropLast()
    }
    return value.isEmpty ? nil : String(value)
  }

  func text(_ variable: String, default fallback: String) -> String {
    value(variable) ?? fallback
  }

  private mutating func required(_ variable: String, _ meaning: String) -> String? {
    let value = value(variable)
    if value == nil { fail(variable, "is required: \(meaning)") }
    return value
  }

  func list(_ variable: String) -> [String] {
    (value(variable) ?? "").split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces)
    }.filter { !$0.isEmpty }
  }

  mutating func number(
    _ variable: String, default fallback: Int64, in range: ClosedRange<Int64>
  ) -> Int64 {
    guard let text = value(variable) else { return fallback }
    guard let number = Int64(text), range.contains(number) else {
      let limit = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
      fail(variable, "must be a whole number, \(range.lowerBound) \(limit)")
      return fallback
    }
    return number
  }

  mutating func choice<Choice>(
    _ variable: String, default fallback: Choice
  ) -> Choice where Choice: RawRepresentable<String> & CaseIterable {
    guard let text = value(variable) else { return fallback }
    guard let choice = Choice(rawValue: text.lowercased()) else {
      let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      fail(variable, "must be one of: \(choices)")
      return fallback
    }
    return choice
  }

  private mutating func flag(_ variable: String, default fallback: Bool) -> Bool {
    guard let text = value(variable) else { return fallback }
    guard let flag = Bool(text.lowercased()) else {
      fail(variable, "must be true or false")
      return fallback
    }
    return flag
  }

  private mutating func url(_ variable: String, _ text: String) -> String {
    if !URLRule.isAllowed(text) {
      fail(variable, "must be an https URL (plain http only for this machine), without a password")
    }
    return text.hasSuffix("/") ? String(text.dropLast()) : text
  }

  // MARK: - GitHub

  mutating func github() -> Settings.GitHubSettings? {
    let appID = required("GITHUB_APP_ID", "the App's id or client id")
    let installation = required(
      "GITHUB_APP_INSTALLATION_ID", "the number in the URL of the App's installation")
    let installationID = installation.flatMap(Int64.init)
    if installation != nil, installationID ?? 0 <= 0 {
      fail("GITHUB_APP_INSTALLATION_ID", "must be a positive whole number")
    }
    let organization = organization()
    let key = privateKey()
    let apiURL = url(
      "GITHUB_API_URL", text("GITHUB_API_URL", default: "https://api.github.com"))
    let webURL = webURL(apiURL: apiURL)
    guard let appID, let installationID, let organization, let key else { return nil }
    return Settings.GitHubSettings(
      credentials: AppCredentials(appID: appID, installationID: installationID, privateKey: key),
      organization: organization, apiURL: apiURL, webURL: webURL)
  }

  private mutating func organization() -> String? {
    guard let text = required("GITHUB_ORG", "the organization's login") else { return nil }
    let isLogin = text.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "-") || byte < 0x80 && Character(Unicode.Scalar(byte)).isLetter
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard isLogin, text.utf8.count <= 39 else {
      fail("GITHUB_ORG", "must be a login: letters, digits and hyphens, at most 39")
      return nil
    }
    return text
  }

  private mutating func privateKey() -> PrivateKey? {
    let variable = "GITHUB_APP_PRIVATE_KEY_PATH"
    guard let path = required(variable, "the App's private key, a PEM file") else { return nil }
    do { return try PrivateKeyFile(path: path).read() } catch {
      fail(variable, error.reason)
      return nil
    }
  }

  /// GitHub's own rule from API host to web host (github.com, *.ghe.com, else Enterprise Server).
  private mutating func webURL(apiURL: String) -> String {
    if let text = value("GITHUB_WEB_URL") { return url("GITHUB_WEB_URL", text) }
    let components = apiURL.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    if components.count == 3, components[2].hasPrefix("api."), !components[2].contains("/") {
      return "https://" + components[2].dropFirst(4)
    }
    if apiURL.hasSuffix("/api/v3") { return String(apiURL.dropLast(7)) }
    fail(
      "GITHUB_API_URL",
      "must begin with https://api. or end in /api/v3; for another form set GITHUB_WEB_URL too")
    return apiURL
  }

  // MARK: - Identity provider

  mutating func identityProvider() -> Provider? {
    guard flag("ENABLE_OIDC_AUTH", default: true) else { return nil }
    let issuer = required("OIDC_ISSUER", "the iss claim of the tokens to accept")
    let audience = required("OIDC_AUDIENCE", "the aud claim that tokens for this service have")
    let audiences = list("OIDC_AUDIENCE")
    if audience != nil, audiences.isEmpty { fail("OIDC_AUDIENCE", "must name an audience") }
    if let issuer { _ = url("OIDC_ISSUER", issuer) }
    let jwksURL = value("OIDC_JWKS_URL")
    if let jwksURL { _ = url("OIDC_JWKS_URL", jwksURL) }
    let algorithms = algorithms()
    guard let issuer, !audiences.isEmpty else { return nil }
    return Provider(
      issuer: issuer, audiences: audiences, jwksURL: jwksURL, algorithms: algorithms)
  }

  private mutating func algorithms() -> Set<SignatureAlgorithm> {
    let names = list("OIDC_ALGORITHMS")
    guard !names.isEmpty else { return [.rs256, .es256] }
    let algorithms = names.compactMap(SignatureAlgorithm.init(rawValue:))
    if algorithms.count != names.count {
      let known = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
      fail("OIDC_ALGORITHMS", "must be a list of: \(known)")
    }
    return Set(algorithms)
  }

  // MARK: - Storage

  mutating func databasePath() -> String {
    let fallback = "sqlite:////var/lib/runner-token-service/runner_service.db"
    let text = text("DATABASE_URL", default: fallback)
    let prefix = "sqlite:///"
    guard text.hasPrefix(prefix), text.count > prefix.count, !text.hasSuffix("/") else {
      fail(
        "DATABASE_URL",
        "must be sqlite:/// and a relative path, or sqlite://// and an absolute one; no other database is supported yet"
      )
      return text
    }
    return String(text.dropFirst(prefix.count))
  }
}
