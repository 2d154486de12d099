import Foundation
import GitHub
import JOSE

extension SettingsReader {
  mutating func github() -> Settings.GitHubSettings? {
    let appID = required("GITHUB_APP_ID", "the App's id or client id")
    let installationID = installationID()
    let organization = organization()
    let keys = privateKeys()
    let apiURL = url(
      "GITHUB_API_URL", text("GITHUB_API_URL", default: "https://api.github.com"))
    let webURL = webURL(apiURL: apiURL)
    let webhookKey = webhookKey()
    guard let appID, let installationID, let organization, !keys.isEmpty else { return nil }
    return Settings.GitHubSettings(
      credentials: AppCredentials(
        appID: appID, installationID: installationID, privateKeys: keys.map(\.key)),
      organization: organization, apiURL: apiURL, webURL: webURL, webhookKey: webhookKey,
      privateKeyPaths: keys.map(\.path))
  }

  mutating func installationID() -> Int64? {
    let variable = "GITHUB_APP_INSTALLATION_ID"
    guard let text = required(variable, "the number in the URL of the App's installation") else {
      return nil
    }
    guard let id = Int64(text), id > 0 else {
      fail(variable, "must be a positive whole number")
      return nil
    }
    return id
  }

  /// Only its hash function is kept, which shows the secret to nobody.
  private mutating func webhookKey() -> KeyedHash? {
    let variable = "GITHUB_WEBHOOK_SECRET"
    guard let secret = value(variable) else { return nil }
    guard secret.utf8.count >= 16 else {
      fail(variable, "must have at least 16 characters, such as `openssl rand -hex 32` makes")
      return nil
    }
    guard let key = try? KeyedHash(key: Array(secret.utf8)) else {
      fail(variable, "cannot be used as a key")
      return nil
    }
    return key
  }

  mutating func organization() -> String? {
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

  /// One key, or two while one replaces the other. Empty where either cannot be used.
  private mutating func privateKeys() -> [(path: String, key: PrivateKey)] {
    let variable = "GITHUB_APP_PRIVATE_KEY_PATH"
    guard let text = required(variable, "the App's private key, a PEM file") else { return [] }
    let paths = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard paths.count <= 2, !paths.contains("") else {
      fail(variable, "must be a path, or two paths with a colon between them")
      return []
    }
    var keys: [(path: String, key: PrivateKey)] = []
    for path in paths {
      do { keys.append((path, try PrivateKeyFile(path: path).read())) } catch {
        fail(variable, error.reason)
      }
    }
    return keys.count == paths.count ? keys : []
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
}
