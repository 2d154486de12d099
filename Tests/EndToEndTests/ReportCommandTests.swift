import Foundation
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// `report`, run as an admin runs it, over a period with a little of everything.
@Suite struct ReportCommandTests {
  let program: Program

  init() throws {
    program = try Program()
    try write(at: "2025-12-31T23:59:59Z", .provision, by: "early@example.com", labels: ["old"])
    try write(
      at: "2026-01-01T00:00:00Z", .provision, by: "alice@example.com", labels: ["gpu", "X64"])
    try write(at: "2026-01-02T00:00:00Z", .provision, by: "alice@example.com", labels: ["GPU"])
    try write(at: "2026-01-03T00:00:00Z", .provision, by: "<b>bob</b>\u{202E}", labels: [])
    try write(
      at: "2026-01-03T00:00:00Z", .provisionFailed, by: "mallory@example.com",
      error: "QUOTA_EXCEEDED")
    try write(
      at: "2026-01-04T00:00:00Z", .provisionFailed, by: "mallory@example.com",
      error: "QUOTA_EXCEEDED")
    try write(
      at: "2026-01-04T00:00:00Z", .adminDenied, by: "mallory@example.com", error: "ADMIN_REQUIRED")
    try write(
      at: "2026-01-04T00:00:00Z", .provisionFailed, by: "alice@example.com",
      error: "GITHUB_UNAVAILABLE")
    try write(
      at: "2026-01-05T00:00:00Z", .policyUpdated, by: "root@example.com",
      data: ["policy_user_identity": .text("alice@example.com")])
    try write(at: "2026-02-01T00:00:00Z", .provision, by: "late@example.com", labels: ["new"])
  }

  private func write(
    at time: String, _ kind: AuditEvent.Kind, by identity: String, labels: [String]? = nil,
    error: String? = nil, data: [String: AuditEvent.Value] = [:]
  ) throws {
    var event = AuditEvent(
      kind, success: error == nil, errorCode: error, actor: .init(identity: identity), data: data)
    if let labels { event.data["labels"] = .texts(labels) }
    let now: Timestamp = try #require(Timestamp(time))
    let file = AuditFile(path: program.file("audit.jsonl"))
    try program.database(now: now).write(auditedIn: file) { transaction, record in
      try record(event)
      guard kind == .provision, identity.hasPrefix("late") else { return }
      try transaction.runners.insert(
        Runner(
          id: "id", name: try #require(RunnerName("ci-1")), organization: "demo-org",
          status: .pending, busy: false, githubRunnerID: nil, runnerGroupID: 1,
          labels: ["new"].compactMap(Label.init), ephemeral: true, disableUpdate: false,
          provisioning: .jit,
          owner: Principal(issuer: "i", subject: "s", identity: identity, isAdmin: false),
          isIssued: false, pendingUntil: transaction.now, createdAt: transaction.now,
          updatedAt: transaction.now, registeredAt: nil, deletedAt: nil, deletionReason: nil))
    }
  }

  private let january = ["report", "--since", "2026-01-01", "--until", "2026-02-01"]

  @Test func `the table has what was, in the period and no more`() throws {
    let outcome = try program.run(january)
    #expect(outcome.status == 0)
    let text = outcome.text.replacing(#/pending +\d+ +new/#, with: "pending  N     new")
    #expect(
      text == """
        Runners of demo-org, 2026-01-01T00:00:00.000Z to 2026-02-01T00:00:00.000Z

        Provisioned
        IDENTITY           RUNNERS  LAST                      LABELS
        alice@example.com  2        2026-01-02T00:00:00.000Z  gpu, x64
        <b>bob</b>\\u202e   1        2026-01-03T00:00:00.000Z

        Refused
        ERROR           IDENTITY             COUNT
        QUOTA_EXCEEDED  mallory@example.com  2
        ADMIN_REQUIRED  mallory@example.com  1

        Failed at GitHub or here
        ERROR               IDENTITY           COUNT
        GITHUB_UNAVAILABLE  alice@example.com  1

        Label policies changed
        WHEN                      CHANGE          POLICY OF          BY
        2026-01-05T00:00:00.000Z  policy_updated  alice@example.com  root@example.com

        Still there
        RUNNER  OWNER             STATUS   DAYS  LABELS
        ci-1    late@example.com  pending  N     new

        """)
  }

  @Test func `the JSON has the same`() throws {
    let review = try Program.parse(.string(try program.run(january + ["--json"]).text))
    let provisioned = try #require(review["provisioned"]?.array).compactMap(\.object)
    #expect(provisioned.compactMap { $0["runners"] } == [.integer(2), .integer(1)])
    #expect(provisioned.first?["labels"]?.strings == ["gpu", "x64"])
    #expect(review["refused"]?.array?.count == 2)
    #expect(
      review["faults"]?.array?.compactMap { $0.object?["error_code"]?.string }
        == ["GITHUB_UNAVAILABLE"])
    #expect(review["policy_changes"]?.array?.count == 1)
    #expect(
      review["live_runners"]?.array?.first?.object?["provisioned_by"]?.string == "late@example.com")
  }

  @Test func `where records of the period have been archived every form says so`() throws {
    #expect(try !program.run(january).text.contains("INCOMPLETE"))
    let archived = try program.run(
      "archive-audit-log", "--before", "2026-01-03", "--output", program.file("archive.jsonl"))
    #expect(archived.status == 0, "\(archived.errors)")
    let first = "2026-01-03T00:00:00.000Z"
    let words = "INCOMPLETE: records from before \(first) have been archived"
    #expect(try program.run(january).text.contains(words))
    #expect(try program.run(january + ["--format", "html"]).text.contains(words))
    let json = try Program.parse(.string(try program.run(january + ["--json"]).text))
    #expect(json["incomplete_before"] == .string(first))
    // A later period has all of its records.
    let later = try program.run("report", "--since", "2026-01-03", "--until", "2026-02-01")
    #expect(!later.text.contains("INCOMPLETE"))
  }

  @Test func `the page escapes what strangers wrote, and loads nothing`() throws {
    try write(
      at: "2026-01-06T00:00:00Z", .adminDenied, by: "\"\u{301}<\u{301}i>", error: "ADMIN_REQUIRED")
    let file = program.file("review.html")
    let outcome = try program.run(january + ["--format", "html", "--output", file])
    #expect(outcome.status == 0)
    #expect(outcome.text.isEmpty)
    #expect(
      outcome.errors
        == "Wrote the report on 2026-01-01T00:00:00.000Z to 2026-02-01T00:00:00.000Z to \(file).\n")
    let page = try String(contentsOfFile: file, encoding: .utf8)
    #expect(page.contains("&lt;b&gt;bob&lt;/b&gt;\\u202e"))
    #expect(!page.contains("<b>bob"))
    // As bytes: to Swift, a quote with an accent is no quote.
    #expect(Data(page.utf8).range(of: Data(">&quot;\u{301}&lt;\u{301}i&gt;<".utf8)) != nil)
    #expect(page.contains("default-src 'none'"))
    for absent in ["http://", "https://", "<script", "src=", "url("] {
      #expect(!page.contains(absent))
    }
    #expect(page.contains("<rect"))
    #expect(try program.mode(of: file) == 0o600)
    // Never over another file unless told to.
    #expect(try program.run(january + ["--format", "html", "--output", file]).status == 1)
  }

  @Test func `what cannot be meant is refused`() throws {
    #expect(try program.run("report").status == 64)
    #expect(try program.run("report", "--since", "yesterday").status == 64)
    #expect(
      try program.run("report", "--since", "2026-02-01", "--until", "2026-01-01").status == 64)
    let future = try program.run("report", "--since", "9999-01-01")
    #expect(future.status == 64)
    #expect(future.errors.contains("--since is in the future"))
    #expect(try program.run(january + ["--json", "--format", "html"]).status == 64)
  }
}
