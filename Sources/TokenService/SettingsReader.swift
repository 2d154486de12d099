public import Configuration
import Foundation
import HTTPClient
import Runners

/// Why a configuration cannot be used: every fault at once.
public struct SettingsError: Error, Sendable, CustomStringConvertible {
  /// What is wrong with one variable.
  public struct Fault: Sendable, Equatable {
    /// The environment variable.
    public let variable: String
    /// What it should be.
    public let message: String
  }

  /// At least one. A variable can have several.
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
    let isAuthenticationEnabled = reader.flag("ENABLE_OIDC_AUTH", default: true)
    let providers = isAuthenticationEnabled ? reader.identityProviders() : []
    let hasSingleUseTokens = reader.flag("OIDC_SINGLE_USE_TOKENS", default: false)
    let adminRule = AdminRule(
      identities: reader.list("ADMIN_IDENTITIES"),
      claim: reader.text("ADMIN_CLAIM", default: "groups"),
      claimValues: reader.list("ADMIN_CLAIM_VALUES"))
    let policy = reader.choice("DEFAULT_LABEL_POLICY", default: DefaultLabelPolicy.deny)
    let maximumRunners = reader.number("DEFAULT_MAX_RUNNERS", default: -1, in: 0...1_000_000)
    let hasClaimPolicies = reader.flag("ENABLE_CLAIM_POLICIES", default: false)
    let groupID = reader.number("DEFAULT_RUNNER_GROUP_ID", default: 1, in: 1...Int64.max)
    let local = LocalSettings(&reader)
    let threads = reader.number("WORKER_THREADS", default: 16, in: 1...512)
    let logLevel = reader.choice("LOG_LEVEL", default: LogLevel.info)
    let syncInterval = reader.number("SYNC_INTERVAL_SECONDS", default: 300, in: 10...86_400)
    let staleHours = reader.number("CLEANUP_STALE_RUNNERS_HOURS", default: 24, in: 0...87_600)
    let unmanagedRunners = reader.choice("UNMANAGED_RUNNERS", default: UnmanagedRunners.alert)
    guard reader.faults.isEmpty, let github else { throw SettingsError(faults: reader.faults) }
    self.init(
      github: github, isAuthenticationEnabled: isAuthenticationEnabled,
      identityProviders: providers, hasSingleUseTokens: hasSingleUseTokens,
      adminRule: adminRule, defaultLabelPolicy: policy,
      defaultMaximumRunners: maximumRunners < 0 ? nil : Int(maximumRunners),
      hasClaimPolicies: hasClaimPolicies, defaultRunnerGroupID: groupID,
      databasePath: local.databasePath, auditLogPath: local.auditLogPath,
      workerThreads: Int(threads),
      syncIntervalSeconds: Int(syncInterval), staleRunnerHours: Int(staleHours),
      unmanagedRunners: unmanagedRunners, logLevel: logLevel)
  }
}

/// Reads variables one by one and gathers what is wrong with them.
struct SettingsReader {
  let config: ConfigReader
  private(set) var faults: [SettingsError.Fault] = []

  init(config: ConfigReader) {
    self.config = config
  }

  mutating func fail(_ variable: String, _ message: String) {
    faults.append(SettingsError.Fault(variable: variable, message: message))
  }

  // MARK: - Kinds of values

  /// An empty variable counts as absent. Quotes around a value are taken off, as systemd does in its environment files.
  func value(_ variable: String) -> String? {
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

  mutating func required(_ variable: String, _ meaning: String) -> String? {
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

  mutating func flag(_ variable: String, default fallback: Bool) -> Bool {
    guard let text = value(variable) else { return fallback }
    guard let flag = Bool(text.lowercased()) else {
      fail(variable, "must be true or false")
      return fallback
    }
    return flag
  }

  mutating func url(_ variable: String, _ text: String) -> String {
    if !URLRule.isAllowed(text) {
      fail(variable, "must be an https URL (plain http only for this machine), without a password")
    }
    return text.hasSuffix("/") ? String(text.dropLast()) : text
  }

  // MARK: - Storage

  func auditLogPath() -> String {
    text("AUDIT_LOG_PATH", default: "/var/log/runner-token-service/audit.jsonl")
  }

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
