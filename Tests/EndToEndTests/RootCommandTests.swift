import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

/// Commands that root starts on a database of another user's: `nobody` here. They need root to make such a one; elsewhere
/// they are skipped, which the output says.
@Suite(.enabled(if: geteuid() == 0, "only root can make files of another user's"))
struct RootCommandTests {
  private static let nobody: uid_t = 65_534

  private let directory: TemporaryDirectory
  private let state: String
  private let environment: [String: String]
  private static let program =
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path + "/runner-token-service"

  init() throws {
    directory = try TemporaryDirectory()
    state = directory.file("state")
    #expect(mkdir(state, 0o700) == 0 && chown(state, Self.nobody, Self.nobody) == 0)
    #expect(chmod(directory.path, 0o755) == 0)
    // The key and the file are root's alone.
    try ChildProcess.run(
      "/usr/bin/openssl", ["genrsa", "-out", directory.file("app.pem"), "2048"])
    let file = """
      GITHUB_APP_ID=1
      GITHUB_APP_INSTALLATION_ID=2
      GITHUB_ORG=demo-org
      GITHUB_APP_PRIVATE_KEY_PATH=\(directory.file("app.pem"))
      OIDC_ISSUER=https://id.example.com
      OIDC_AUDIENCE=runner-token-service
      DATABASE_URL=sqlite:///\(state)/service.db
      AUDIT_LOG_PATH=\(state)/audit.jsonl
      GITHUB_API_URL=http://127.0.0.1:1/api/v3

      """
    try file.write(toFile: directory.file("service.env"), atomically: true, encoding: .utf8)
    #expect(chmod(directory.file("service.env"), 0o600) == 0)
    environment = ["PATH": "/usr/bin:/bin", "SUDO_USER": "daemon"]
  }

  /// Runs a command, as root or, by setpriv, as another user.
  private func run(
    _ arguments: String..., user: uid_t? = nil, variables: [String: String] = [:]
  ) throws -> (status: Int32?, text: String) {
    let command = [Self.program] + arguments + ["--env-file", directory.file("service.env")]
    let change = user.map { ["--reuid", "\($0)", "--regid", "\($0)", "--clear-groups"] }
    let words = change.map { ["/usr/bin/setpriv"] + $0 + command } ?? command
    let quoted = words.map { "'\($0)'" }.joined(separator: " ")
    let outcome = try ChildProcess(
      "/bin/sh", ["-c", "\(quoted) 2>&1"], environment: environment.merging(variables) { $1 }
    ).finish()
    return (outcome.status, String(decoding: outcome.output, as: UTF8.self))
  }

  private func owners() throws -> [String: uid_t] {
    try Dictionary(
      uniqueKeysWithValues: FileManager.default.contentsOfDirectory(atPath: state).map { name in
        var status = stat()
        #expect(lstat("\(state)/\(name)", &status) == 0)
        return (name, status.st_uid)
      })
  }

  @Test func `whoever may not read the configuration is told of sudo`() throws {
    let outcome = try run("status", user: 65534)
    #expect(outcome.status == 78)
    let file = directory.file("service.env")
    #expect(outcome.text.contains("\(file) cannot be read: Permission denied\n"))
    #expect(outcome.text.hasSuffix("Whoever may not read \(file) runs this command with sudo.\n"))
    #expect(try !run("status").text.contains("sudo"))
  }

  @Test func `every file that root's commands make is the database's owner's`() throws {
    let backup = "\(state)/copy.db"
    let commands: [[String]] = [
      ["init-db"], ["set-label-policy", "--user", "alice", "--label", "gpu"],
      ["list-label-policies"], ["list-runners"], ["list-approvals"], ["status"],
      ["report", "--since", "2026-01-01"], ["export-audit-log"], ["export-security-events"],
      ["verify-audit-log", "--mirror", "\(state)/audit.jsonl"], ["backup-db", "--output", backup],
      ["restore-db", backup], ["delete-label-policy", "--user", "alice"],
    ]
    for command in commands {
      let outcome = try run(words: command)
      #expect(outcome.status == 0, "\(command): \(outcome.text)")
      #expect(try owners().filter { $0.value != Self.nobody } == [:], "\(command)")
    }
    // GitHub is not there; what was touched on the way is still the owner's.
    for command in ["sync-github", "cleanup-stale-runners"] {
      _ = try run(command)
      #expect(try owners().filter { $0.value != Self.nobody } == [:], "\(command)")
    }
    // Its owner can go on with it.
    let check = try run("verify-audit-log", user: Self.nobody)
    #expect(check.status == 78, "the configuration is root's alone")
    #expect(chmod(directory.file("service.env"), 0o644) == 0)
    #expect(try run("verify-audit-log", user: Self.nobody).status == 0)
  }

  private func run(words: [String]) throws -> (status: Int32?, text: String) {
    let command = ([Self.program] + words + ["--env-file", directory.file("service.env")])
      .map { "'\($0)'" }.joined(separator: " ")
    let outcome = try ChildProcess("/bin/sh", ["-c", "\(command) 2>&1"], environment: environment)
      .finish()
    return (outcome.status, String(decoding: outcome.output, as: UTF8.self))
  }

  /// Whom the log names for the last record.
  private func lastActor() throws -> String? {
    let lines = try String(contentsOfFile: "\(state)/audit.jsonl", encoding: .utf8)
      .split(separator: "\n")
    return try JSONValue(parsing: Array(try #require(lines.last).utf8)).object?["user_identity"]?
      .string
  }

  @Test func `the log names whom sudo names, and believes that of root alone`() throws {
    #expect(try run("init-db").status == 0)
    let change = ["set-label-policy", "--user", "alice", "--label", "gpu"]
    #expect(try run(words: change).status == 0)
    #expect(try lastActor() == "cli:daemon")

    #expect(chmod(directory.file("service.env"), 0o644) == 0)
    #expect(
      try run("set-label-policy", "--user", "bob", "--label", "gpu", user: Self.nobody).status == 0)
    #expect(try lastActor() == "cli:nobody")
    // A name that nobody has is none.
    #expect(
      try run(
        "set-label-policy", "--user", "carol", "--label", "gpu",
        variables: ["SUDO_USER": "no\nsuch"]
      ).status == 0)
    #expect(try lastActor() == "cli:root")
  }

  @Test func `somebody else is told whose it is and what to do`() throws {
    #expect(try run("init-db").status == 0)
    #expect(chmod(directory.file("service.env"), 0o644) == 0)
    let before = try owners()
    for command in ["status", "init-db", "verify-audit-log"] {
      let outcome = try run(command, user: 1)
      #expect(outcome.status == 1)
      #expect(outcome.text.contains("belongs to nobody"), "\(outcome.text)")
      #expect(outcome.text.contains("sudo -u nobody"))
    }
    #expect(try owners() == before)
  }

  @Test func `what root writes goes out as the owner, and where that fails it says so`() throws {
    #expect(try run("init-db").status == 0)
    let place = directory.file("copy.db")
    let refused = try run("backup-db", "--output", place)
    #expect(refused.status == 1)
    #expect(refused.text.contains("Permission denied for nobody"))
    #expect(!FileManager.default.fileExists(atPath: place))
    // The shell opens this as root.
    let export = "'\(Self.program)' export-audit-log --env-file '\(directory.file("service.env"))'"
    let outcome = try ChildProcess(
      "/bin/sh", ["-c", "\(export) > '\(directory.file("export"))'"], environment: environment
    ).finish()
    #expect(outcome.status == 0)
  }

  @Test func `a worker and the maintenance process of root's become the owner too`() throws {
    #expect(try run("init-db").status == 0)
    for arguments in [["worker", "--listen", "\(state)/fcgi.sock"], ["maintain"]] {
      let process = try ChildProcess(
        Self.program, arguments + ["--env-file", directory.file("service.env")],
        environment: environment)
      let hasChanged = eventually(seconds: 20) {
        var status = stat()
        return stat("/proc/\(process.id)", &status) == 0
          && (try? String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8))?
            .contains("Uid:\t65534\t65534\t65534\t65534") == true
      }
      #expect(hasChanged, "\(arguments)")
      let status = try String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8)
      #expect(status.contains("Gid:\t65534\t65534\t65534\t65534"))
      #expect(status.contains("CapEff:\t0000000000000000"))
      #expect(process.stop() == 0)
    }
    #expect(try owners().filter { $0.value != Self.nobody } == [:])
  }

  @Test func `root does not follow a file of somebody else's that lies where it works`() throws {
    let place = directory.file("theirs")
    // Tests that run beside this one change the umask of the process.
    #expect(mkdir(place, 0o755) == 0 && chmod(place, 0o755) == 0)
    try "GITHUB_ORG=evil\n".write(toFile: place + "/.env", atomically: true, encoding: .utf8)
    func check() throws -> (status: Int32?, text: String) {
      let outcome = try ChildProcess(
        "/bin/sh", ["-c", "'\(Self.program)' check-config 2>&1"], environment: environment,
        directory: place
      ).finish()
      return (outcome.status, String(decoding: outcome.output, as: UTF8.self))
    }
    // Not even root's own: between a look at it and the reading it could be another.
    for owner in [0, Self.nobody] {
      #expect(chown(place + "/.env", owner, owner) == 0)
      let outcome = try check()
      #expect(outcome.text.contains("Warning: .env in this directory is not read"))
      #expect(outcome.text.contains("--env-file .env"))
      #expect(!outcome.text.contains("evil") && !outcome.text.contains("\n.env"))
      #expect(outcome.text.contains("GITHUB_ORG: is required"), "\(outcome.text)")
    }
    // Somebody else takes it, and is not warned.
    let other = try ChildProcess(
      "/usr/bin/setpriv",
      [
        "--reuid", "\(Self.nobody)", "--regid", "\(Self.nobody)", "--clear-groups", "/bin/sh", "-c",
        "'\(Self.program)' check-config 2>&1",
      ], environment: environment, directory: place
    ).finish()
    let text = String(decoding: other.output, as: UTF8.self)
    #expect(
      text.contains("GITHUB_APP_ID: is required") && !text.contains("GITHUB_ORG: "), "\(text)")
    #expect(!text.contains("Warning: .env"))
  }

  @Test func `root reads no configuration that others can change, and any that only root can`()
    throws
  {
    let file = directory.file("service.env")
    #expect(try run("init-db").status == 0)
    for (owner, mode, isTrusted) in [
      (0, 0o600, true), (0, 0o640, true), (0, 0o644, true), (0, 0o660, false), (0, 0o602, false),
      (Self.nobody, 0o600, false),
    ] as [(uid_t, mode_t, Bool)] {
      #expect(chown(file, owner, 0) == 0 && chmod(file, mode) == 0)
      let outcome = try run("list-runners")
      #expect(outcome.status == (isTrusted ? 0 : 78), "\(owner) \(String(mode, radix: 8))")
      #expect(outcome.text.contains("can be changed by others than root") == !isTrusted)
    }
    // Whose it is counts, and not whose link leads there.
    #expect(chown(file, Self.nobody, 0) == 0)
    let link = directory.file("link.env")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
    let outcome = try ChildProcess(
      Self.program, ["list-runners", "--env-file", link], environment: environment
    ).finish()
    #expect(outcome.status == 78)
  }
}
