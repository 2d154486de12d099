import Foundation
import Glibc
import TestSupport
import Testing

@testable import runner_token_service

/// `setup`, against the simulator in place of GitHub and the identity provider.
@Suite(.serialized) struct SetupTests {
  private static let program =
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path + "/runner-token-service"

  private let cluster: Cluster
  private let file: String
  private let key: String

  init() throws {
    cluster = try Cluster(workerCount: 1)
    file = cluster.directory.file("etc/service.env")
    key = cluster.directory.file("app.pem")
  }

  private var api: String { "http://127.0.0.1:\(cluster.simulatorPort)/api/v3" }
  private var issuer: String { "http://127.0.0.1:\(cluster.simulatorPort)/oidc" }

  /// What an Ansible task would say.
  private var complete: [String] {
    [
      "--organization", "demo-org", "--app-id", "12345", "--key", key, "--issuer", issuer,
      "--audience", "runner-token-service", "--admin", "alice@example.com", "--admin",
      "bob@example.com", "--api-url", api,
    ]
  }

  private func setup(_ arguments: [String]) throws -> (status: Int32?, text: String) {
    let words = [Self.program, "setup", "--file", file] + arguments
    let command = words.map { "'\($0)'" }.joined(separator: " ") + " 2>&1"
    let outcome = try ChildProcess("/bin/sh", ["-c", command]).finish()
    return (outcome.status, String(decoding: outcome.output, as: UTF8.self))
  }

  private func written() throws -> String { try String(contentsOfFile: file, encoding: .utf8) }

  @Test func `with every option it proves and writes the file, and says what comes next`() throws {
    let outcome = try setup(complete)
    #expect(outcome.status == 0, "\(outcome.text)")
    #expect(
      try written() == """
        GITHUB_ORG=demo-org
        GITHUB_APP_ID=12345
        GITHUB_APP_PRIVATE_KEY_PATH=\(key)
        OIDC_ISSUER=\(issuer)
        OIDC_AUDIENCE=runner-token-service
        ADMIN_IDENTITIES=alice@example.com,bob@example.com
        GITHUB_API_URL=\(api)
        GITHUB_APP_INSTALLATION_ID=67890

        """)
    var status = stat()
    #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o640)
    if geteuid() == 0 {
      #expect(status.st_uid == 0)
      #expect(status.st_gid == getgrnam("runner-token-service")?.pointee.gr_gid ?? 0)
    }
    for command in ["init-db", "systemctl enable --now runner-token-service.target", "status"] {
      #expect(outcome.text.contains(command))
    }
    // It is a configuration.
    let check = try cluster.command(["check-config", "--online", "--env-file", file])
    #expect(check.status == 0)
    // Once more, nothing changes.
    let again = try setup(complete)
    #expect(again.status == 0 && again.text.contains("is as it should be"))
  }

  @Test func `what is missing is listed all together`() throws {
    let outcome = try setup(["--app-id", "12345"])
    #expect(outcome.status == 64)
    let named = outcome.text.split(separator: "\n").dropFirst().map { $0.prefix { $0 != ":" } }
    #expect(named == ["--organization", "--key", "--issuer", "--audience"])
    #expect(!FileManager.default.fileExists(atPath: file))
  }

  @Test func `a file that exists keeps what it is not asked about, and is replaced only by force`()
    throws
  {
    #expect(try setup(complete).status == 0)
    let old =
      "# ours\nGITHUB_WEBHOOK_SECRET=0123456789abcdef0123\nLOG_LEVEL=debug\n" + (try written())
    try old.write(toFile: file, atomically: true, encoding: .utf8)
    let change = ["--audience", "other"]
    let refused = try setup(change)
    #expect(refused.status == 1)
    #expect(refused.text.contains("- OIDC_AUDIENCE=runner-token-service\n+ OIDC_AUDIENCE=other\n"))
    #expect(refused.text.contains("Give --force"))
    #expect(try written() == old)

    let secret = cluster.directory.file("secret")
    try "fedcba9876543210fedc\n".write(toFile: secret, atomically: true, encoding: .utf8)
    let replaced = try setup(change + ["--webhook-secret-file", secret, "--force"])
    #expect(replaced.status == 0, "\(replaced.text)")
    #expect(
      try written()
        == old.replacing("OIDC_AUDIENCE=runner-token-service", with: "OIDC_AUDIENCE=other")
        .replacing("0123456789abcdef0123", with: "fedcba9876543210fedc"))
    #expect(replaced.text.contains("+ GITHUB_WEBHOOK_SECRET=(secret)"))
    for value in ["0123456789abcdef0123", "fedcba9876543210fedc"] {
      #expect(!replaced.text.contains(value) && !refused.text.contains(value))
    }
  }

  @Test(arguments: [
    ("--organization", "other-org", 1, "not installed in other-org"),
    ("--app-id", "54321", 1, "Nothing was written"),
    ("--key", "/nonexistent", 78, "GITHUB_APP_PRIVATE_KEY_PATH: there is no file"),
    ("--issuer", "http://id.example.com", 78, "OIDC_ISSUER: "),
    ("--issuer", "http://127.0.0.1:1/oidc", 1, "Nothing was written: a check failed"),
    ("--audience", "two\nLOG_LEVEL=debug", 64, "--audience: must be one line"),
    ("--api-url", "https://api.github.com\nLOG_LEVEL=debug", 64, "--api-url: must be one line"),
    ("--api-url", "http://github.example.com/api/v3", 78, "GITHUB_API_URL: must be an https URL"),
    ("--api-url", "https://github example.com/api/v3", 78, "GITHUB_API_URL: must be an https URL"),
  ])
  func `what GitHub or the provider does not accept is not written`(
    option: String, value: String, status: Int32, text: String
  ) throws {
    var arguments = complete
    let place = try #require(arguments.firstIndex(of: option))
    arguments[place + 1] = value
    let outcome = try setup(arguments)
    #expect(outcome.status == status, "\(outcome.text)")
    if option != "--app-id" { #expect(outcome.text.contains(text), "\(outcome.text)") }
    #expect(!FileManager.default.fileExists(atPath: file))
  }

  @Test(arguments: ["077", "000"])
  func `whatever the umask, the workers' group can enter the directory, and nobody else`(
    mask: String
  ) throws {
    let arguments = complete.map { "'\($0)'" }.joined(separator: " ")
    let outcome = try ChildProcess(
      "/bin/sh",
      ["-c", "umask \(mask); exec '\(Self.program)' setup --file '\(file)' \(arguments) 2>&1"]
    ).finish()
    #expect(outcome.status == 0, "\(String(decoding: outcome.output, as: UTF8.self))")
    var status = stat()
    #expect(stat(cluster.directory.file("etc"), &status) == 0 && status.st_mode & 0o777 == 0o750)
    #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o640)
  }

  @Test func `it warns where the units would start with another key than the one that was proved`()
    throws
  {
    let installed = cluster.directory.file("installed.pem")
    let place = InstalledKey(path: installed)
    let absent = try #require(place.warning(provedKeys: [key]))
    #expect(absent.contains("\(installed), which does not exist"))
    #expect(absent.contains("sudo install -m 600 -o root -g root '\(key)' \(installed)"))
    try "another".write(toFile: installed, atomically: true, encoding: .utf8)
    #expect(try #require(place.warning(provedKeys: [key])).contains("which is another key"))
    // The honest cases: it is that file, it is one of two, it is a copy.
    #expect(place.warning(provedKeys: [installed]) == nil)
    #expect(place.warning(provedKeys: [key, installed]) == nil)
    try FileManager.default.removeItem(atPath: installed)
    try FileManager.default.copyItem(atPath: key, toPath: installed)
    #expect(place.warning(provedKeys: [key]) == nil)
    // A shell takes the path for one word.
    let odd = cluster.directory.file("it's.pem")
    #expect(place.warning(provedKeys: [odd])?.contains(#"it'\''s.pem' "#) == true)
    // Of a file that the units do not read nothing is said.
    #expect(try !setup(complete).text.contains("systemd gives it"))
  }

  @Test func `at a terminal it asks, suggests what it knows, and does not show the secret`() throws
  {
    let terminal = try PseudoTerminal()
    let setup = try ChildProcess(
      Self.program, ["setup", "--file", file, "--api-url", api], input: terminal.device,
      errors: terminal.device)
    try terminal.answer("Login of the GitHub organization", with: "demo/org")
    // Until there is an answer that can be used; those before it stay.
    try terminal.answer("GITHUB_ORG: must be a login", with: "demo-org")
    try terminal.answer("Id or client id", with: "")
    try terminal.answer("Id or client id", with: "12345")
    try terminal.answer("[/etc/runner-token-service/github-app.pem]: ", with: "/nonexistent")
    try terminal.answer("GITHUB_APP_PRIVATE_KEY_PATH: there is no file /nonexistent", with: key)
    try terminal.answer("Issuer", with: "http://id.example.com")
    try terminal.answer("OIDC_ISSUER: ", with: issuer)
    try terminal.answer("[runner-token-service]: ", with: "")
    try terminal.answer("Identities of the admins", with: "")
    try terminal.answer("Secret of the App's webhook", with: "too short")
    try terminal.expect("GITHUB_WEBHOOK_SECRET: must have at least")
    try terminal.answer("Secret of the App's webhook", with: "0123456789abcdef0123")
    let outcome = setup.finish()
    let text = String(decoding: outcome.output, as: UTF8.self)
    #expect(outcome.status == 0, "\(text) \(terminal.shown)")
    let content = try written()
    #expect(content.contains("GITHUB_APP_INSTALLATION_ID=67890\n"))
    #expect(content.contains("OIDC_AUDIENCE=runner-token-service\n"))
    #expect(content.contains("GITHUB_WEBHOOK_SECRET=0123456789abcdef0123\n"))
    #expect(!content.contains("ADMIN_IDENTITIES"))
    #expect(!terminal.shown.contains("0123456789abcdef0123"))
    #expect(!text.contains("0123456789abcdef0123"))

    // Once more, with another audience, and then not written after all.
    let second = try ChildProcess(
      Self.program, ["setup", "--file", file, "--audience", "other"], input: terminal.device,
      errors: terminal.device)
    for suggestion in [
      "[demo-org]", "[12345]", "[\(key)]", "[\(issuer)]", "(empty: none over HTTP)", "[as it is]",
    ] {
      try terminal.answer("\(suggestion): ", with: "")
    }
    try terminal.answer("Replace it? [y/N]: ", with: "n")
    #expect(second.finish().status == 1)
    #expect(try written() == content)
  }
}
