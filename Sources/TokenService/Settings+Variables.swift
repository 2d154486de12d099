extension Settings {
  /// Every environment variable that is read.
  static let variables =
    SettingsReader.providerVariables.map(\.name) + [
      "GITHUB_APP_ID", "GITHUB_APP_INSTALLATION_ID", "GITHUB_APP_PRIVATE_KEY_PATH", "GITHUB_ORG",
      "GITHUB_API_URL", "GITHUB_WEB_URL", "GITHUB_WEBHOOK_SECRET", "ENABLE_OIDC_AUTH",
      "OIDC_PROVIDERS_FILE",
      "OIDC_SINGLE_USE_TOKENS", "ADMIN_IDENTITIES", "ADMIN_CLAIM", "ADMIN_CLAIM_VALUES",
      "DEFAULT_LABEL_POLICY", "DEFAULT_MAX_RUNNERS", "ENABLE_CLAIM_POLICIES",
      "DEFAULT_RUNNER_GROUP_ID", "DATABASE_URL", "AUDIT_LOG_PATH",
      "WORKER_THREADS", "SYNC_INTERVAL_SECONDS", "CLEANUP_STALE_RUNNERS_HOURS",
      "UNMANAGED_RUNNERS", "LOG_LEVEL",
    ]

  /// The names that look as if they were meant for this service and are not read: a typo must not silently leave out a
  /// condition.
  public static func unknownVariables(among names: [String]) -> [String] {
    let prefixes = [
      "OIDC_", "ADMIN_", "ENABLE_OIDC", "ENABLE_CLAIM", "DEFAULT_", "SYNC_", "CLEANUP_",
      "UNMANAGED_", "GITHUB_WEBHOOK",
    ]
    return names.filter { name in
      prefixes.contains { name.hasPrefix($0) } && !variables.contains(name)
    }
  }
}
