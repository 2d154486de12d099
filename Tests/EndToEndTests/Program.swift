import Foundation
import Glibc
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

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
