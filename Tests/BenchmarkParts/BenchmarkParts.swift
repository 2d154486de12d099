import Foundation
import GRDB
import JOSE
import OIDC
import Patterns
import Runners
import Storage
import TestSupport

/// Measures the parts of a request by themselves, in one thread.
@main
enum BenchmarkParts {
  static func main() throws {
    let seconds = CommandLine.arguments.dropFirst().first.flatMap(Double.init) ?? 2
    try measurePolicies(for: seconds)
    try measureTokens(for: seconds)
    try measureCommits(for: seconds)
  }

  /// Calls `run` with 0, 1, 2 … until the time is over, and prints the rate.
  static func measure(
    _ name: String, for seconds: Double, _ run: (Int) throws -> Void
  ) rethrows {
    var count = 0
    let start = ContinuousClock.now
    let end = start + .seconds(seconds)
    while .now < end {
      try run(count)
      count += 1
    }
    show(name, Double(count) / ((ContinuousClock.now - start) / .seconds(1)))
  }

  private static func show(_ name: String, _ rate: Double) {
    let columns = name.padding(toLength: 52, withPad: " ", startingAt: 0)
    print("\(columns) \(String(format: "%10.0f/s %9.2f µs", rate, 1_000_000 / rate))")
  }

  /// What must hold for a figure to mean anything.
  static func expect(_ condition: Bool, _ what: String) throws {
    if !condition { throw Unexpected(what: what) }
  }

  struct Unexpected: Error {
    let what: String
  }

  // MARK: - The parts

  private static func measurePolicies(for seconds: Double) throws {
    guard let prefix = RunnerNamePrefix("ci") else { throw Unexpected(what: "a prefix") }
    let request = ProvisionRequest(
      name: .generated(prefix), labels: ["gpu", "cuda-12.4", "team-a-7"].compactMap(Label.init))
    for count in [1, 20, 200] {
      let patterns = try (0..<count).map {
        try LabelPattern("team-[a-z]+-\($0)|cuda-\($0)\\.[0-9]")
      }
      let policy = ApplicablePolicy.stored(
        LabelPolicy(allowedLabels: ["gpu"].compactMap(AllowedLabel.init), labelPatterns: patterns),
        narrowedBy: nil)
      measure("policy decision, 3 labels, \(count) patterns", for: seconds) { _ in
        _ = policy.verdict(
          on: request, kind: .registrationToken, liveRunners: 3, defaultRunnerGroupID: 1)
      }
    }
  }

  private static func measureTokens(for seconds: Double) throws {
    let provider = try FakeIdentityProvider()
    let now = Date()
    for (algorithm, key) in [("RS256", "rsa-1"), ("ES256", "ec-1")] {
      let validator = try self.validator(for: provider)
      let one = try provider.token(at: now, keyID: key)
      measure("token validation, \(algorithm), seen before", for: seconds) { _ in
        _ = try? validator.validate(one, now: now)
      }
      try expect((try? validator.validate(one, now: now)) != nil, "the token is good")
      // Enough that none comes again while its signature is remembered.
      let many = try (0..<20_000).map {
        try provider.token(at: now, claims: ["jti": "\"\($0)\""], keyID: key)
      }
      let fresh = try self.validator(for: provider)
      let start = ContinuousClock.now
      for token in many { _ = try fresh.validate(token, now: now) }
      let rate = Double(many.count) / ((ContinuousClock.now - start) / .seconds(1))
      show("token validation, \(algorithm), new", rate)
    }
  }

  private static func validator(for provider: FakeIdentityProvider) throws -> TokenValidator {
    try TokenValidator(
      providers: [
        Provider(
          issuer: provider.issuer, audiences: ["runner-token-service"],
          algorithms: [.rs256, .es256])
      ], http: provider.http)
  }

  private static func measureCommits(for seconds: Double) throws {
    let directory = try TemporaryDirectory()
    let bare = try DatabasePool(path: directory.file("bare.db"))
    // Now, because opening a pool lowers it for the connection that writes.
    try bare.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
    try bare.write { try $0.execute(sql: "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)") }
    let text = String(repeating: "x", count: 600)
    try measure("durable commit of a row of 600 bytes, SQLite alone", for: seconds) { _ in
      try bare.write { try $0.execute(sql: "INSERT INTO t (text) VALUES (?)", arguments: [text]) }
    }
    _ = try Storage.Database.migrate(path: directory.file("service.db"), now: Timestamp(Date()))
    let database = try Storage.Database(path: directory.file("service.db")) { Timestamp(Date()) }
    let file = AuditFile(path: directory.file("audit.jsonl"))
    try measure("audit record, chained, in table and file", for: seconds) { _ in
      try database.write(auditedIn: file) { _, record in try record(event) }
    }
  }

  private static let event = AuditEvent(
    .provision,
    actor: .init(
      identity: "alice@example.com", issuer: "https://issuer.example.com", subject: "alice",
      requestID: "0f8fad5bd9cb469fa16570867728950e", requestIP: "192.0.2.7",
      userAgent: "curl/7.88.1"),
    runnerID: "0f8fad5b-d9cb-469f-a165-70867728950e", runnerName: "ci-1",
    data: [
      "labels": .texts(["gpu", "cuda-12.4"]), "ephemeral": .flag(true),
      "provisioning": .text("registration_token"),
    ])
}
