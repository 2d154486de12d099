import Foundation
import GRDB
import Glibc
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// The commands for label policies and security events, run as an admin runs them, with no service beside them.
@Suite struct PolicyCommandTests {
  let program: Program

  init() throws {
    program = try Program()
  }

  @Test func `a policy is created, shown, replaced and deleted, and each is audited`() throws {
    let created = try program.run(
      "set-label-policy", "--user", "alice@example.com", "--label", "gpu", "--label", "*",
      "--pattern", "team-[a-z]+", "--max-runners", "3", "--runner-group", "7", "--require-approval",
      "--require-jit", "--require-ephemeral", "--description", "a team")
    #expect(created.status == 0)
    #expect(created.text.contains("Created; revision 1."))
    #expect(created.text.contains("no policy  gpu, *"))

    let shown = try #require(try program.listed().first?.object)
    #expect(
      Set(shown.members.map(\.name)) == [
        "user_identity", "allowed_labels", "label_patterns", "max_runners", "require_approval",
        "allowed_runner_groups", "require_jit", "require_ephemeral", "description", "revision",
        "created_at", "updated_at", "updated_by",
      ])
    #expect(shown["allowed_labels"]?.strings == ["gpu", "*"])
    #expect(shown["label_patterns"]?.strings == ["team-[a-z]+"])
    #expect(shown["max_runners"] == .integer(3))
    #expect(shown["allowed_runner_groups"] == .array([.integer(7)]))
    #expect(shown["require_approval"] == .bool(true))
    #expect(shown["require_jit"] == .bool(true))
    #expect(shown["require_ephemeral"] == .bool(true))
    #expect(shown["description"] == .string("a team"))
    #expect(shown["updated_by"] == .string(Program.actor))

    let replaced = try program.run(
      "set-label-policy", "--user", "alice@example.com", "--label", "tpu")
    #expect(replaced.text.contains("Replaced; revision 2."))
    #expect(replaced.text.contains("gpu, *       tpu\n"))
    #expect(try program.listed().first?.object?["max_runners"] == .null)

    let deleted = try program.run("delete-label-policy", "--user", "alice@example.com")
    #expect(deleted.status == 0)
    #expect(deleted.text.contains("Deleted."))
    #expect(try program.listed().isEmpty)

    let lines = try program.auditLines()
    #expect(
      lines.map { $0["event_type"]?.string } == [
        "policy_created", "policy_updated", "policy_deleted",
      ])
    #expect(lines.allSatisfy { $0["user_identity"]?.string == Program.actor })
    let change = try #require(lines[1]["event_data"]?.object)
    #expect(change["policy_user_identity"]?.string == "alice@example.com")
    #expect(change["revision"] == .integer(2))
    #expect(try Program.parse(change["before"])["allowed_labels"]?.strings == ["gpu", "*"])
    #expect(try Program.parse(change["after"])["allowed_labels"]?.strings == ["tpu"])
    let table = try DatabaseQueue(path: program.file("service.db")).read {
      try String.fetchAll($0, sql: "SELECT event_type FROM audit_log ORDER BY id")
    }
    #expect(table == ["policy_created", "policy_updated", "policy_deleted"])
  }

  @Test func `every fault of a policy is named, and nothing is saved`() throws {
    let outcome = try program.run(
      "set-label-policy", "--user", "a\u{1B}[31m", "--label", "", "--label", "k\u{212A}",
      "--label", "good", "--pattern", "(", "--pattern", "", "--max-runners=-1", "--runner-group",
      "0", "--description", "a\u{7}")
    #expect(outcome.status == 64)
    for fault in [
      "--user: must be", "--label '': must be", "--label 'k\u{212A}': must be",
      "--pattern '(': at offset", "--pattern '': must not be empty", "--max-runners: must be",
      "--runner-group 0: must be", "--description: must have",
    ] {
      #expect(outcome.errors.contains(fault), "\(fault)")
    }
    #expect(!outcome.errors.contains("'good'"))
    #expect(!outcome.errors.contains("\u{1B}"))
    let labels = (0...200).flatMap { ["--label", "l\($0)"] }
    let tooMany = try program.run(["set-label-policy", "--user", "a"] + labels)
    #expect(tooMany.status == 64)
    #expect(tooMany.errors.contains("--label: at most 200"))
    #expect(try program.listed().isEmpty)
    let most = try program.run(["set-label-policy", "--user", "a"] + labels.dropLast(2))
    #expect(most.status == 0)
    // All of it, since this is what was changed; the list cuts it off.
    #expect(most.text.contains(", l199\n"))
    #expect(try program.run("list-label-policies").text.contains("l0, l1, l2"))
    #expect(try !program.run("list-label-policies").text.contains("l199"))
  }

  @Test func `a dry run shows the change and makes none`() throws {
    let set = try program.run("set-label-policy", "--user", "bob", "--label", "gpu", "--dry-run")
    #expect(set.status == 0)
    #expect(set.text.contains("Nothing was changed."))
    #expect(try program.listed().isEmpty)
    #expect(try program.run("set-label-policy", "--user", "bob", "--label", "gpu").status == 0)
    let delete = try program.run("delete-label-policy", "--user", "bob", "--dry-run")
    #expect(delete.status == 0)
    #expect(delete.text.contains("Nothing was changed."))
    #expect(try program.listed().count == 1)
    #expect(try program.auditLines().count == 1)
  }

  @Test func `a policy is replaced only from the revision that the admin saw`() throws {
    let set = ["set-label-policy", "--user", "bob", "--label"]
    #expect(try program.run(set + ["gpu", "--if-revision", "0"]).status == 0)
    let second = try program.run(set + ["tpu", "--if-revision", "0"])
    #expect(second.status == 1)
    #expect(second.errors == "Nothing was changed: the policy has revision 1.\n")
    #expect(try program.run(set + ["tpu", "--if-revision", "0", "--dry-run"]).status == 1)
    #expect(try program.run(set + ["tpu", "--if-revision", "1"]).status == 0)
    #expect(try program.run("delete-label-policy", "--user", "bob").status == 0)
    let gone = try program.run(set + ["gpu", "--if-revision", "2"])
    #expect(gone.errors == "Nothing was changed: there is no policy.\n")
    #expect(try program.run(set + ["gpu", "--if-revision=-1"]).status == 64)
    #expect(try program.auditLines().count == 3)
  }

  @Test func `a policy that is not there cannot be deleted or shown`() throws {
    for dryRun in [[], ["--dry-run"]] {
      let outcome = try program.run(["delete-label-policy", "--user", "nobody"] + dryRun)
      #expect(outcome.status == 1)
      #expect(outcome.errors == "nobody has no label policy.\n")
    }
    #expect(try program.run("list-label-policies", "--user", "nobody").status == 1)
    #expect(try program.run("list-label-policies").text == "There are no label policies.\n")
  }

  @Test func `nothing changes where it cannot be audited`() throws {
    try FileManager.default.createDirectory(
      atPath: program.file("audit.jsonl"), withIntermediateDirectories: false)
    let outcome = try program.run("set-label-policy", "--user", "bob", "--label", "gpu")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("the audit log file cannot be written"))
    #expect(try program.listed().isEmpty)
  }

  @Test func `more policies than a page are listed once each, in columns`() throws {
    try program.database().write { transaction in
      for number in 0..<1203 {
        _ = try transaction.labelPolicies.save(
          LabelPolicy(allowedLabels: [.any]), of: "user-\(number)", by: "cli:test")
      }
      _ = try transaction.labelPolicies.save(
        LabelPolicy(description: "\u{1B}[31m"), of: "evil\u{9B}\u{202E}", by: "cli:test")
    }
    let identities = try program.listed().map { $0.object?["user_identity"]?.string ?? "" }
    #expect(identities.count == 1204)
    #expect(Set(identities).count == 1204)
    let table = try program.run("list-label-policies").text
    let lines = table.split(separator: "\n")
    #expect(lines.count == 1205)
    let header = try #require(lines.first)
    #expect(header.hasPrefix("IDENTITY"))
    let column = try #require(header.range(of: "LABELS"))
    let offset = header.distance(from: header.startIndex, to: column.lowerBound)
    for line in lines.dropFirst() {
      let cell = line[line.index(line.startIndex, offsetBy: offset)...]
      #expect(cell.hasPrefix("*  ") || cell.hasPrefix("-  "), "\(line)")
    }
    #expect(table.contains(#"evil\u009b\u202e"#))
    for raw in ["\u{1B}", "\u{9B}", "\u{202E}"] { #expect(!table.contains(raw)) }
    // One alone.
    #expect(try program.run("list-label-policies", "--user", "user-7").text.contains("user-7 "))
  }

  @Test(arguments: [
    "list-label-policies", "set-label-policy", "delete-label-policy", "export-security-events",
  ])
  func `help has an example`(command: String) throws {
    let outcome = try program.run(command, "--help")
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("Example:\n  runner-token-service \(command) "))
  }
}

/// `export-security-events`.
@Suite struct SecurityEventExportTests {
  let program: Program

  init() throws {
    program = try Program()
  }

  private func record(_ count: Int, at time: String, _ kind: SecurityEvent.Kind, _ identity: String)
    throws
  {
    let now = try #require(Timestamp(time))
    try program.database(now: now).write { transaction in
      for number in 0..<count {
        try transaction.securityEvents.record(
          SecurityEvent(
            kind,
            actor: .init(identity: identity, issuer: "i", subject: "\(identity)-\(number)"),
            runnerName: "ci", data: ["labels": .texts(["gpu"])]))
      }
    }
  }

  private func export(_ arguments: String...) throws -> [JSONObject] {
    let outcome = try program.run(["export-security-events"] + arguments)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try outcome.text.split(separator: "\n").map {
      try #require(try JSONValue(parsing: Array($0.utf8)).object)
    }
  }

  @Test func `more events than a page are exported once each, newest first`() throws {
    try record(2501, at: "2026-01-31T12:00:00Z", .quotaExceeded, "alice")
    let ids = try export().map { $0["id"]?.integer ?? 0 }
    #expect(ids == (1...2501).reversed().map(Int64.init))
    let array = try program.run("export-security-events", "--format", "json").text
    let parsed = try JSONValue(parsing: Array(array.utf8), limits: .init(values: 200_000)).array
    #expect(parsed?.count == 2501)
  }

  @Test func `severity and dates select`() throws {
    try record(1, at: "2026-01-30T23:59:59.999Z", .quotaExceeded, "a")
    try record(1, at: "2026-01-31T00:00:00Z", .tokenReplay, "b")
    try record(1, at: "2026-02-01T00:00:00Z", .quotaExceeded, "c")
    func identities(_ arguments: String...) throws -> [String?] {
      let outcome = try program.run(["export-security-events"] + arguments)
      return try outcome.text.split(separator: "\n").map {
        try JSONValue(parsing: Array($0.utf8)).object?["user_identity"]?.string
      }
    }
    #expect(try identities() == ["c", "b", "a"])
    #expect(try identities("--severity", "low") == ["c", "a"])
    #expect(try identities("--severity", "high") == ["b"])
    #expect(try identities("--since", "2026-01-31") == ["c", "b"])
    #expect(try identities("--since", "2026-01-31", "--until", "2026-02-01") == ["b"])
    #expect(try identities("--until", "2026-01-31T01:00:00+01:00") == ["a"])
  }

  @Test(arguments: [
    ["--since", "yesterday"], ["--until", "2026-02-30"], ["--since", "31.01.2026"],
    ["--since", "2026-02-30T00:00:00Z"], ["--since", "2026-1-1"], ["--since", ""],
  ])
  func `a bad date is told what is accepted`(arguments: [String]) throws {
    let outcome = try program.run(["export-security-events"] + arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("2026-01-31T12:00:00Z"))
    #expect(outcome.errors.contains("a day like 2026-01-31"))
  }

  @Test(arguments: [
    ["--since", "2026-01-31", "--until", "2026-01-31"], ["--severity", "grave"], ["--force"],
    ["--format", "xml"], ["--output", ""],
  ])
  func `options without sense are refused`(arguments: [String]) throws {
    #expect(try program.run(["export-security-events"] + arguments).status == 64)
  }

  @Test func `a cell that would be a formula is none in CSV, and controls are escaped`() throws {
    let time = "2026-01-31T12:00:00Z"
    for identity in [
      "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "a\"b,c", "x\r\n\u{1B}", "a=b",
    ] {
      try record(1, at: time, .quotaExceeded, identity)
    }
    let outcome = try program.run("export-security-events", "--format", "csv")
    let lines = outcome.text.components(separatedBy: "\r\n")
    #expect(lines.count == 11)
    #expect(lines.first?.hasPrefix("\"id\",\"timestamp\",\"last_seen_at\",\"count\"") == true)
    for cell in [
      "'=1+1", "'+1", "'-1", "'@SUM(A1)", "' =1", "'\\t=1", "a\"\"b,c", "x\\r\\n\\u{1B}", "a=b",
    ] {
      #expect(outcome.text.contains(",\"\(cell)\",\"i\","), "\(cell)")
    }
    #expect(!outcome.text.contains("\u{1B}"))
  }

  @Test func `a file is for its owner only, and not replaced unless that is wanted`() throws {
    try record(1, at: "2026-01-31T12:00:00Z", .quotaExceeded, "alice")
    let path = program.file("events.jsonl")
    #expect(try program.run("export-security-events", "--output", path).status == 0)
    let written = try String(contentsOfFile: path, encoding: .utf8)
    #expect(written.contains("alice"))
    #expect(try program.mode(of: path) == 0o600)

    try "mine".write(toFile: path, atomically: false, encoding: .utf8)
    let refused = try program.run("export-security-events", "--output", path)
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--force"))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")

    chmod(path, 0o644)
    #expect(try program.run("export-security-events", "--output", path, "--force").status == 0)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == written)
    #expect(try program.mode(of: path) == 0o600)

    let link = program.file("link")
    try FileManager.default.createSymbolicLink(
      atPath: link, withDestinationPath: program.file("elsewhere"))
    #expect(try program.run("export-security-events", "--output", link).status == 1)
    #expect(!FileManager.default.fileExists(atPath: program.file("elsewhere")))
  }

  @Test func `a full disk is a failure`() throws {
    try record(1, at: "2026-01-31T12:00:00Z", .quotaExceeded, "alice")
    let outcome = try program.run(
      shell: "exec \"$0\" export-security-events > /dev/full")
    #expect(outcome.status == 1)
    #expect(outcome.errors == "standard output cannot be written: No space left on device\n")
  }

  @Test(arguments: [
    "check-config", "status", "list-label-policies", "set-label-policy --user bob --label gpu",
    "export-audit-log --format json", "export-audit-log --format csv", "verify-audit-log",
    "report --since 2026-01-01",
  ])
  func `no command ends well whose output is lost`(command: String) throws {
    let lost = try program.run(shell: "exec \"$0\" \(command) > /dev/full")
    #expect(lost.status == 1)
    #expect(lost.errors.contains("standard output cannot be written: No space left on device"))
    #expect(!lost.errors.contains("Domain"))
    #expect(try program.run(shell: "exec \"$0\" \(command)").status == 0)
  }
}

/// The built program with settings and a database of its own.
final class Program {
  struct Outcome {
    let status: Int32?
    let text: String
    let errors: String
  }

  private let directory: TemporaryDirectory
  private let environment: [String: String]
  private static let path =
    URL(fileURLWithPath: "/proc/self/exe")
    .resolvingSymlinksInPath().deletingLastPathComponent().path + "/runner-token-service"

  init() throws {
    directory = try TemporaryDirectory()
    environment = [
      "PATH": "/usr/bin:/bin", "GITHUB_APP_ID": "1", "GITHUB_APP_INSTALLATION_ID": "2",
      "GITHUB_ORG": "demo-org", "GITHUB_APP_PRIVATE_KEY_PATH": directory.file("app.pem"),
      "OIDC_ISSUER": "https://id.example.com", "OIDC_AUDIENCE": "runner-token-service",
      "DATABASE_URL": "sqlite:///\(directory.file("service.db"))",
      "AUDIT_LOG_PATH": directory.file("audit.jsonl"),
    ]
    try ChildProcess.run(
      "/usr/bin/openssl", ["genrsa", "-out", directory.file("app.pem"), "2048"])
    #expect(try run("init-db").status == 0)
  }

  func file(_ name: String) -> String { directory.file(name) }

  func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  func run(_ arguments: [String]) throws -> Outcome { try run(Self.path, arguments) }

  /// Starts the program, for as long as the test wants it.
  func start(_ arguments: [String]) throws -> ChildProcess {
    try ChildProcess(
      Self.path, arguments, environment: environment, directory: directory.path)
  }

  /// Runs a shell command, whose `$0` is the program.
  func run(shell command: String) throws -> Outcome {
    try run("/bin/sh", ["-c", command, Self.path])
  }

  private func run(_ path: String, _ arguments: [String]) throws -> Outcome {
    let log = directory.file("errors-\(UInt32.random(in: 0 ... .max))")
    let descriptor = open(log, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    let outcome = try ChildProcess(
      path, arguments, environment: environment, directory: directory.path, errors: descriptor
    ).finish()
    return Outcome(
      status: outcome.status, text: String(decoding: outcome.output, as: UTF8.self),
      errors: try String(contentsOfFile: log, encoding: .utf8))
  }

  /// As `--json` lists the policies.
  func listed() throws -> [JSONValue] {
    let outcome = try run("list-label-policies", "--json")
    #expect(outcome.status == 0)
    return try #require(
      try JSONValue(parsing: Array(outcome.text.utf8), limits: .init(values: 100_000)).array)
  }

  func database(now: Timestamp? = nil) throws -> Storage.Database {
    try Database(path: file("service.db")) { now ?? Timestamp(Date()) }
  }

  func auditLines() throws -> [JSONObject] {
    try String(contentsOfFile: file("audit.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try Self.parse(.string(String($0))) }
  }

  static func parse(_ text: JSONValue?) throws -> JSONObject {
    let text = try #require(text?.string)
    return try #require(try JSONValue(parsing: Array(text.utf8)).object)
  }

  func mode(of path: String) throws -> Int {
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
    return try #require((mode as? NSNumber)?.intValue)
  }

  static var actor: String { "cli:" + NSUserName() }
}
