import Configuration
import Foundation
import GitHub
import Glibc
import JOSE
import Runners
import TestSupport
import Testing

@testable import OIDC
@testable import TokenService

@Suite struct SettingsTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try Self.writeKey(to: directory.file("app.pem"), kind: "RSA")
  }

  /// PEM by the openssl program, since nothing of ours writes private keys.
  private static func writeKey(to path: String, kind: String) throws {
    try ChildProcess.run(
      "/usr/bin/openssl",
      kind == "RSA"
        ? ["genrsa", "-out", path, "2048"]
        : ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
  }

  private func read(_ changes: [String: String?] = [:]) throws -> Settings {
    var variables: [String: String?] = [
      "GITHUB_APP_ID": "12345", "GITHUB_APP_INSTALLATION_ID": "67890", "GITHUB_ORG": "demo-org",
      "GITHUB_APP_PRIVATE_KEY_PATH": directory.file("app.pem"),
      "OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "runner-token-service",
    ]
    variables.merge(changes) { $1 }
    let present = variables.compactMapValues { $0 }
    return try Settings(
      reading: ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: present)))
  }

  private func faults(_ changes: [String: String?]) -> [String] {
    do {
      _ = try read(changes)
      return []
    } catch {
      return (error as? SettingsError)?.faults.map(\.variable) ?? ["?"]
    }
  }

  @Test func `what is required is enough`() throws {
    let settings = try read()
    #expect(settings.githubURL == "https://github.com/demo-org")
    #expect(settings.identityProviders.first?.algorithms == [.rs256, .es256])
    #expect(settings.identityProviders.first?.identityClaim == "email")
    #expect(settings.defaultLabelPolicy == .deny)
    #expect(settings.defaultRunnerGroupID == 1)
    #expect(settings.workerThreads == 16)
    #expect(settings.databasePath == "/var/lib/runner-token-service/runner_service.db")
    #expect(settings.auditLogPath == "/var/log/runner-token-service/audit.jsonl")
    #expect(settings.warnings.isEmpty)
  }

  @Test func `every fault is told at once`() throws {
    let reader = ConfigReader(
      provider: EnvironmentVariablesProvider(environmentVariables: [
        "DATABASE_URL": "postgres://x", "WORKER_THREADS": "0", "GITHUB_ORG": " ",
      ]))
    #expect {
      try Settings(reading: reader)
    } throws: { error in
      let faults = (error as? SettingsError)?.faults.map(\.variable)
      return faults == [
        "GITHUB_APP_ID", "GITHUB_APP_INSTALLATION_ID", "GITHUB_ORG",
        "GITHUB_APP_PRIVATE_KEY_PATH", "OIDC_ISSUER", "OIDC_AUDIENCE", "DATABASE_URL",
        "WORKER_THREADS",
      ]
    }
  }

  @Test(arguments: [
    ("GITHUB_APP_INSTALLATION_ID", "abc"), ("GITHUB_APP_INSTALLATION_ID", "-1"),
    ("GITHUB_ORG", "a/b"), ("GITHUB_ORG", "a b"),
    ("GITHUB_API_URL", "http://github.example/api/v3"),
    ("GITHUB_API_URL", "https://github.example/other"), ("OIDC_ISSUER", "http://id.example"),
    ("OIDC_ISSUER", "id.example"), ("OIDC_JWKS_URL", "file:///etc/passwd"),
    ("OIDC_ALGORITHMS", "none"), ("OIDC_ALGORITHMS", "RS256,HS256"), ("OIDC_ALGORITHMS", "rs256"),
    ("ENABLE_OIDC_AUTH", "maybe"), ("DEFAULT_LABEL_POLICY", "permit"),
    ("DEFAULT_RUNNER_GROUP_ID", "0"), ("DATABASE_URL", "sqlite:///"),
    ("DATABASE_URL", "mysql://x"), ("WORKER_THREADS", "513"), ("WORKER_THREADS", "many"),
    ("LOG_LEVEL", "loud"), ("GITHUB_APP_PRIVATE_KEY_PATH", "/nonexistent"),
    ("GITHUB_WEB_URL", "ftp://x"),
  ])
  func `a value that is wrong is refused by name`(variable: String, value: String) {
    #expect(faults([variable: value]) == [variable])
  }

  @Test(arguments: [
    ("https://api.github.com", "https://github.com"),
    ("https://api.github.com/", "https://github.com"),
    ("https://api.octo.ghe.com", "https://octo.ghe.com"),
    ("https://github.example/api/v3", "https://github.example"),
    ("http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080"),
  ])
  func `the web address follows from the API's`(api: String, web: String) throws {
    #expect(try read(["GITHUB_API_URL": api]).github.webURL == web)
  }

  @Test func `the web address can be set where it does not follow`() throws {
    let settings = try read([
      "GITHUB_API_URL": "https://gateway.example/gh", "GITHUB_WEB_URL": "https://github.example/",
    ])
    #expect(settings.githubURL == "https://github.example/demo-org")
  }

  @Test(arguments: [
    ("sqlite:///data/x.db", "data/x.db"), ("sqlite:////srv/x.db", "/srv/x.db"),
  ])
  func `three slashes are a relative path and four an absolute one`(
    url: String, path: String
  ) throws {
    #expect(try read(["DATABASE_URL": url]).databasePath == path)
  }

  @Test(arguments: [0o640, 0o604, 0o660])
  func `a private key that others can read is refused`(mode: Int) throws {
    let path = directory.file("app.pem")
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    #expect(faults([:]) == ["GITHUB_APP_PRIVATE_KEY_PATH"])
    try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)
    #expect(faults([:]) == [])
  }

  /// Of a credential that systemd hands over, the mode shows the group a right that an access control list gives to the
  /// service's user.
  @Test(arguments: [
    (0o400, 1000, true, true), (0o400, 1000, false, true), (0o440, 0, true, true),
    (0o440, 0, false, false), (0o440, 1000, true, false), (0o460, 0, true, false),
    (0o444, 0, true, false), (0o604, 0, true, false),
  ])
  func `only a credential of root's may show its group a right to read`(
    mode: Int, owner: Int, isCredential: Bool, isPrivate: Bool
  ) {
    let access = PrivateKeyFile.Access(mode: mode, owner: owner, group: 0)
    #expect(access.isPrivate(asCredential: isCredential) == isPrivate)
    let others = PrivateKeyFile.Access(mode: mode, owner: owner, group: 100)
    #expect(others.isPrivate(asCredential: isCredential) == (mode == 0o400))
  }

  /// As root only: nobody else can make a file that is root's.
  @Test(.enabled(if: getuid() == 0))
  func `a credential is one by its place, whatever links lead to or from it`() throws {
    let credentials = directory.file("credentials")
    let (inside, outside) = (credentials + "/app.pem", directory.file("app.pem"))
    let files = FileManager.default
    try files.createDirectory(atPath: credentials, withIntermediateDirectories: false)
    try files.copyItem(atPath: outside, toPath: inside)
    for path in [inside, outside] {
      try files.setAttributes([.posixPermissions: 0o440], ofItemAtPath: path)
    }
    try files.createSymbolicLink(
      atPath: credentials + "/link.pem", withDestinationPath: outside)
    let isUsable = { (path: String, directory: String?) in
      (try? PrivateKeyFile(path: path, credentialsDirectory: directory).read()) != nil
    }
    #expect(isUsable(inside, credentials))
    #expect(isUsable(inside, credentials + "/"))
    #expect(!isUsable(inside, nil))
    #expect(!isUsable(inside, ""))
    #expect(!isUsable(inside, "/"))
    #expect(!isUsable(inside, directory.file("cred")))
    #expect(!isUsable(outside, credentials))
    #expect(!isUsable(credentials + "/link.pem", credentials))
    #expect(!isUsable(credentials + "/../app.pem", credentials))
  }

  @Test func `a key that is no RSA private key is refused`() throws {
    try Self.writeKey(to: directory.file("ec.pem"), kind: "EC")
    #expect(
      faults(["GITHUB_APP_PRIVATE_KEY_PATH": directory.file("ec.pem")])
        == ["GITHUB_APP_PRIVATE_KEY_PATH"])
    let garbage = directory.file("garbage.pem")
    _ = FileManager.default.createFile(
      atPath: garbage, contents: Data("x".utf8), attributes: [.posixPermissions: 0o600])
    #expect(
      faults(["GITHUB_APP_PRIVATE_KEY_PATH": garbage]) == ["GITHUB_APP_PRIVATE_KEY_PATH"])
  }

  @Test func `two keys may be named, and a fault of either is told`() throws {
    let (first, second) = (directory.file("app.pem"), directory.file("new.pem"))
    try Self.writeKey(to: second, kind: "RSA")
    let variable = "GITHUB_APP_PRIVATE_KEY_PATH"
    let settings = try read([variable: "\(first):\(second)"])
    #expect(settings.github.privateKeyPaths == [first, second])
    #expect(settings.github.credentials.withEachKey.count == 2)

    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: second)
    let missing = directory.file("none.pem")
    let error = #expect(throws: SettingsError.self) {
      try read([variable: "\(missing):\(second)"])
    }
    let messages = error?.faults.map(\.message) ?? []
    #expect(messages.count == 2)
    #expect(messages.first?.contains(missing) == true)
    #expect(messages.last?.contains("chmod 600 \(second)") == true)
  }

  @Test(arguments: [":", "a:", ":a", "a:b:c", "a::b"])
  func `what is not one path or two is refused`(text: String) {
    #expect(faults(["GITHUB_APP_PRIVATE_KEY_PATH": text]) == ["GITHUB_APP_PRIVATE_KEY_PATH"])
  }

  @Test(arguments: [(1, 1), (4, 1), (5, 1), (6, 2), (16, 12)])
  func `four threads of a worker do not wait for GitHub`(threads: Int, waiters: Int) throws {
    #expect(try read(["WORKER_THREADS": "\(threads)"]).maximumGitHubWaiters == waiters)
  }

  @Test func `lists are split at commas`() throws {
    let settings = try read([
      "ADMIN_IDENTITIES": "a@b.c, d@e.f,", "OIDC_AUDIENCE": "one, two", "OIDC_ALGORITHMS": "ES256",
    ])
    #expect(settings.adminRule.identities == ["a@b.c", "d@e.f"])
    #expect(settings.identityProviders.first?.audiences == ["one", "two"])
    #expect(settings.identityProviders.first?.algorithms == [.es256])
  }

  @Test func `what is dangerous is warned of`() throws {
    #expect(try read(["DEFAULT_LABEL_POLICY": "allow"]).warnings.count == 1)
    let open = try read([
      "ENABLE_OIDC_AUTH": "false", "OIDC_ISSUER": nil, "OIDC_AUDIENCE": nil,
    ])
    #expect(open.identityProviders.isEmpty)
    #expect(open.warnings.count == 1)
  }

  @Test(arguments: [
    ("https://token.actions.githubusercontent.com", true), ("https://gitlab.com", true),
    ("https://gitlab.example.com", false),
  ])
  func `an issuer that serves everybody is warned of where nothing else is required`(
    issuer: String, isWarnedOf: Bool
  ) throws {
    #expect(try read(["OIDC_ISSUER": issuer]).warnings.isEmpty == !isWarnedOf)
    let path = directory.file("providers.json")
    for (claim, isEnough) in [("sub", true), ("ref", false)] {
      let text = """
        {"providers":[{"name":"ci","issuer":"\(issuer)","audiences":["x"],
                       "required_claims":{"\(claim)":"7"}}]}
        """
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      let settings = try read([
        "OIDC_PROVIDERS_FILE": path, "OIDC_ISSUER": nil, "OIDC_AUDIENCE": nil,
      ])
      #expect(settings.warnings.isEmpty == (isEnough || !isWarnedOf))
    }
  }

  @Test func `variables of the one-provider form are refused beside the file`() throws {
    let path = directory.file("providers.json")
    try #"{"providers":[{"name":"ci","issuer":"https://a.example","audiences":["x"]}]}"#
      .write(toFile: path, atomically: true, encoding: .utf8)
    #expect(
      faults(["OIDC_PROVIDERS_FILE": path, "OIDC_JWKS_URL": "https://b.example"]) == [
        "OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS_URL",
      ])
    #expect(
      faults(["OIDC_PROVIDERS_FILE": path, "OIDC_ISSUER": nil, "OIDC_AUDIENCE": nil]).isEmpty)
  }

  @Test(arguments: [
    ("OIDC_LEEWAY_SECONDS", "301"), ("OIDC_LEEWAY_SECONDS", "x"),
    ("OIDC_MAXIMUM_LIFETIME_SECONDS", "59"), ("OIDC_TOKEN_TYPES", ","),
    ("OIDC_CA_BUNDLE", "/nowhere/ca.pem"), ("OIDC_SINGLE_USE_TOKENS", "maybe"),
    ("OIDC_ALGORITHMS", "none"), ("OIDC_ALGORITHMS", "RS256,HS256"),
  ])
  func `a variable of a provider that cannot be used is named`(name: String, value: String) {
    #expect(faults([name: value]) == [name])
  }

  @Test func `the variables of a provider are read`() throws {
    let settings = try read([
      "OIDC_LEEWAY_SECONDS": "0", "OIDC_MAXIMUM_LIFETIME_SECONDS": "3600",
      "OIDC_TOKEN_TYPES": "at+jwt", "OIDC_AUTHORIZED_PARTIES": "a, b",
      "OIDC_ALGORITHMS": "PS256,EdDSA", "OIDC_SINGLE_USE_TOKENS": "true",
    ])
    let provider = try #require(settings.identityProviders.first)
    #expect(provider.leeway == 0)
    #expect(provider.maximumLifetime == 3600)
    #expect(provider.tokenTypes == .only(["at+jwt"]))
    #expect(provider.authorizedParties == ["a", "b"])
    #expect(provider.algorithms == [.ps256, .edDSA])
    #expect(settings.hasSingleUseTokens)
  }

  @Test func `a webhook secret is long, and cannot be read from the settings`() throws {
    #expect(faults(["GITHUB_WEBHOOK_SECRET": "fifteen letters"]) == ["GITHUB_WEBHOOK_SECRET"])
    let secret = "sixteen letters!"
    let settings = try read(["GITHUB_WEBHOOK_SECRET": secret])
    let hash = try KeyedHash(key: Array(secret.utf8)).hash(of: [1])
    #expect(try settings.github.webhookKey?.isValid(hash, of: [1]) == true)
    var dump = ""
    Swift.dump(settings, to: &dump)
    #expect(dump.contains("webhookKey"))
    #expect(!dump.contains(secret))
    #expect(try read().github.webhookKey == nil)
    #expect(try read(["GITHUB_WEBHOOK_SECRET": ""]).github.webhookKey == nil)
  }

  @Test func `maintenance is configured within limits`() throws {
    let settings = try read()
    #expect(settings.syncIntervalSeconds == 300)
    #expect(settings.staleRunnerHours == 24)
    #expect(settings.unmanagedRunners == .alert)
    let changed = try read([
      "SYNC_INTERVAL_SECONDS": "10", "CLEANUP_STALE_RUNNERS_HOURS": "0",
      "UNMANAGED_RUNNERS": "delete",
    ])
    #expect(changed.syncIntervalSeconds == 10)
    #expect(changed.staleRunnerHours == 0)
    #expect(changed.unmanagedRunners == .delete)
    #expect(
      faults([
        "SYNC_INTERVAL_SECONDS": "9", "CLEANUP_STALE_RUNNERS_HOURS": "-1",
        "UNMANAGED_RUNNERS": "remove",
      ]) == ["SYNC_INTERVAL_SECONDS", "CLEANUP_STALE_RUNNERS_HOURS", "UNMANAGED_RUNNERS"])
  }

  @Test func `a variable that is only nearly one of ours is told`() {
    #expect(
      Settings.unknownVariables(among: [
        "OIDC_SINGLE_USE_TOKEN", "OIDC_ISSUER", "ADMIN_IDENTITY", "PATH", "GITHUB_ACTIONS",
        "GITHUB_WEBHOOK_SECERT",
      ]) == ["OIDC_SINGLE_USE_TOKEN", "ADMIN_IDENTITY", "GITHUB_WEBHOOK_SECERT"])
  }

  @Test func `the template for the configuration has every variable, and no other`() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: ".env.example")
    let names = try String(contentsOf: file, encoding: .utf8)
      .matches(of: /(?m)^#?([A-Z][A-Z_]+)=/).map { String($0.1) }
    #expect(names.sorted() == Settings.variables.sorted())
  }
}
