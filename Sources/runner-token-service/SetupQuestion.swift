/// Something that `setup` has to know.
struct SetupQuestion {
  let variable: String
  /// As the option is called.
  let option: String
  /// For somebody at a terminal.
  let text: String
  var suggestion: String?
  var isRequired = true
  var isSecret = false

  static let organization = SetupQuestion(
    variable: "GITHUB_ORG", option: "--organization",
    text: "Login of the GitHub organization whose runners are registered")
  static let appID = SetupQuestion(
    variable: "GITHUB_APP_ID", option: "--app-id", text: "Id or client id of the GitHub App")
  static let key = SetupQuestion(
    variable: "GITHUB_APP_PRIVATE_KEY_PATH", option: "--key",
    text: "File with the App's private key (PEM, mode 600)",
    suggestion: InstalledKey.standardPath)
  static let issuer = SetupQuestion(
    variable: "OIDC_ISSUER", option: "--issuer",
    text: "Issuer of the callers' OIDC tokens, exactly as in their iss claim")
  static let audience = SetupQuestion(
    variable: "OIDC_AUDIENCE", option: "--audience", text: "What their aud claim must contain",
    suggestion: "runner-token-service")
  static let admins = SetupQuestion(
    variable: "ADMIN_IDENTITIES", option: "--admin",
    text: "Identities of the admins, separated by commas (empty: none over HTTP)",
    isRequired: false)
  static let webhookSecret = SetupQuestion(
    variable: "GITHUB_WEBHOOK_SECRET", option: "--webhook-secret-file",
    text: "Secret of the App's webhook, at least 16 characters (empty: no webhooks)",
    isRequired: false, isSecret: true)
}
