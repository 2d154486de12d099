import FastCGI
import Foundation
import Logging
import Runners
import StrictJSON
import TestSupport
import Testing

@testable import Maintenance
@testable import Storage
@testable import TokenService

@Suite struct AuditLogTests {
  let world: World

  init() throws {
    world = try World.withAdmins()
  }

  private func record(
    _ kind: AuditEvent.Kind, by user: String, runner: String? = nil, name: String? = nil
  ) throws {
    try world.service.audited { _, record in
      try record(
        AuditEvent(
          kind, actor: .init(identity: user, issuer: "issuer", subject: user), runnerID: runner,
          runnerName: name, data: ["labels": .texts(["gpu"])]))
    }
  }

  private func list(_ query: String) throws -> (events: [JSONObject], total: Int64?) {
    let body = try world.admin("GET", "/audit-log" + query).object
    return (try #require(body["events"]?.array).compactMap(\.object), body["total"]?.integer)
  }

  private func ids(_ query: String) throws -> [Int64?] {
    let (events, total) = try list(query)
    #expect(total == Int64(events.count))
    return events.map { $0["id"]?.integer }
  }

  @Test func `a record has all that is known of it, and its hash`() throws {
    let time = Timestamp(world.clock.date).description
    try record(.refresh, by: "alice")
    let head = try world.database.read { try $0.auditLog.head() }
    let zeros = String(repeating: "0", count: 64)
    let response = try world.admin("GET", "/audit-log")
    #expect(
      response.text
        == #"{"events":[{"error_code":null,"error_message":null,"event_data":{"labels":["gpu"]},"event_type":"refresh","hash":"\#(head.hash)","id":1,"issuer":"issuer","oidc_sub":"alice","prev_hash":"\#(zeros)","request_id":null,"request_ip":null,"runner_id":null,"runner_name":null,"success":true,"timestamp":"\#(time)","user_agent":null,"user_identity":"alice"}],"total":1}"#
    )
  }

  @Test func `records are listed newest first, filtered and paged`() throws {
    try record(.provision, by: "alice", runner: "id-1", name: "ci-1")
    world.clock.advance(by: 3600)
    let middle = Timestamp(world.clock.date).description
    try record(.refresh, by: "bob", runner: "id-2", name: "ci-2")
    world.clock.advance(by: 3600)
    let late = Timestamp(world.clock.date).description
    try record(.provision, by: "alice", runner: "id-3", name: "ci-1")
    #expect(try ids("") == [3, 2, 1])
    #expect(try ids("?event_type=provision") == [3, 1])
    #expect(try ids("?user_identity=bob") == [2])
    #expect(try ids("?runner=ci-1") == [3, 1])
    #expect(try ids("?runner=id-1") == [1])
    #expect(try ids("?since=\(middle)") == [3, 2])
    #expect(try ids("?until=\(middle)") == [1])
    #expect(try ids("?since=\(middle)&until=\(late)&user_identity=bob") == [2])
    #expect(try ids("?event_type=deprovision") == [])
    // A day is its midnight in UTC, as on the command line.
    let day = String(middle.prefix(10))
    #expect(try ids("?since=\(day)") == ids("?since=\(day)T00:00:00Z"))
    #expect(try ids("?until=\(day)") == ids("?until=\(day)T00:00:00Z"))
    let page = try list("?limit=2&offset=1")
    #expect(page.total == 3)
    #expect(page.events.map { $0["id"]?.integer } == [2, 1])
  }

  @Test(arguments: [
    "event_type=x", "user_identity=", "runner=a%2Fb", "since=yesterday",
    "since=2026-02-30", "since=2026-2-3", "limit=0", "limit=1001",
    "offset=-1", "severity=low", "runner=a&runner=b",
  ])
  func `a query that is wrong or unknown is refused`(query: String) throws {
    #expect(try world.admin("GET", "/audit-log?" + query).problem == "422 VALIDATION_ERROR")
  }

  /// What can stand in the place of the file, and how it goes away.
  @Test(arguments: ["directory", "fifo", "missing", "link"])
  func `while the file cannot be written no token leaves, and then all is as before`(
    kind: String
  ) throws {
    let world = try World(adminIdentities: ["root@example.com"])
    let path = world.directory.file("audit.jsonl")
    let aside = world.directory.file("aside")
    func provision(_ name: String) throws -> Response {
      try world.provision(#"{"runner_name":"\#(name)","labels":["gpu"]}"#)
    }
    #expect(try provision("ci-1").status == 201)
    try FileManager.default.moveItem(atPath: path, toPath: aside)
    switch kind {
    case "directory":
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    case "fifo": #expect(mkfifo(path, 0o600) == 0)
    case "link":
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/null")
    default:
      // A link whose directory is not there: the open finds nothing either.
      try FileManager.default.createSymbolicLink(
        atPath: path, withDestinationPath: "/nonexistent/audit.jsonl")
    }
    let start = ContinuousClock.now
    let refused = try provision("ci-2")
    #expect(refused.problem == "503 AUDIT_UNAVAILABLE")
    #expect(refused.header("Retry-After") != nil)
    #expect(ContinuousClock.now - start < .seconds(1))
    #expect(!refused.text.contains("token\":\""))

    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.moveItem(atPath: aside, toPath: path)
    #expect(try provision("ci-3").status == 201)
    try maintenance(of: world).catchUpMirror()
    let lines = try world.auditLines().compactMap { $0["id"]?.integer }
    let head = try world.database.read { try $0.auditLog.head() }
    #expect(lines.sorted() == Array(1...head.id))
    #expect(try world.database.verifyAuditLog().rows == lines.count)
  }

  @Test func `what callers send stays inside its line`() throws {
    let hostile = "x\",\"event_type\":\"provision\"}\n{\"id\":1}\r\u{1B}[2J\u{85}\u{202E}\u{2028}\0"
    let token = try world.token(
      "alice", #"{"sub":"a\"},{\"id\":2","email":"e@example.com","email_verified":true}"#)
    _ = world.send(
      "GET", "/api/v1/admin/runners", token: token,
      parameters: [("HTTP_USER_AGENT", hostile), ("REQUEST_ID", hostile)])
    try record(.refresh, by: hostile, runner: hostile, name: hostile)
    let text = try String(
      contentsOfFile: world.directory.file("audit.jsonl"), encoding: .utf8)
    // What stands for the NUL is the only character that is not ASCII.
    #expect(
      text.replacing("\u{FFFD}", with: "").utf8.allSatisfy {
        $0 == 0x0A || (0x20..<0x7F).contains($0)
      })
    let lines = try world.auditLines()
    #expect(lines.map { $0["id"]?.integer } == [1, 2])
    #expect(lines.map { $0["event_type"]?.string } == ["admin_denied", "refresh"])
    #expect(lines.first?["oidc_sub"]?.string == "a\"},{\"id\":2")
    #expect(try world.database.verifyMirror(path: world.directory.file("audit.jsonl")).lines == 2)
    #expect(try world.database.verifyAuditLog().rows == 2)
  }

  // MARK: - Maintenance

  private func maintenance(of world: World) -> Maintenance {
    Maintenance(
      options: .init(organization: "demo-org", installationID: 67890), github: world.service.github,
      database: world.database, auditFile: world.service.auditFile, logger: world.service.logger,
      now: world.clock.now)
  }

  @Test func `the head goes to the journal every hour, and after each export`() throws {
    let maintenance = maintenance(of: world)
    func heads() -> [String?] {
      world.log.all.filter { $0["message"] == "audit log head" }.map { $0["audit_hash"] }
    }
    func head() throws -> String { try world.database.read { try $0.auditLog.head().hash } }
    try record(.refresh, by: "alice")
    let start = ContinuousClock.now
    let first = try maintenance.logHead(unlessSince: nil, at: start)
    #expect(heads() == [try head()])
    try record(.refresh, by: "alice")
    #expect(try maintenance.logHead(unlessSince: first, at: start + .seconds(3599)) == first)
    #expect(heads().count == 1)
    // Whoever sets the wall clock back does not keep it out.
    world.clock.advance(by: -86_400)
    let hourLater = start + .seconds(3600)
    let second = try maintenance.logHead(unlessSince: first, at: hourLater)
    #expect(heads().count == 2)
    try record(.export, by: "cli:root")
    let third = try maintenance.logHead(unlessSince: second, at: hourLater)
    #expect(heads().count == 3)
    #expect(heads().last == (try head()))
    #expect(try maintenance.logHead(unlessSince: third, at: hourLater) == third)
  }

  @Test func `a write-ahead log that cannot be copied back is told of, and not all the time`()
    throws
  {
    let maintenance = maintenance(of: world)
    func lines() -> [String?] {
      world.log.all.filter { $0["message"]?.contains("write-ahead log") == true }
        .map { $0["log_bytes"] }
    }
    let start = ContinuousClock.now
    #expect(try maintenance.checkpoint(told: nil, at: start) == nil)
    #expect(lines() == [])
    let blocked = BlockedCheckpoint(logSize: 20_000_000, cause: "a reader stands in the way")
    var told = maintenance.report(blocked, told: nil, at: start)
    told = maintenance.report(blocked, told: told, at: start + .seconds(599))
    #expect(lines() == ["20000000"])
    told = maintenance.report(blocked, told: told, at: start + .seconds(600))
    #expect(lines() == ["20000000", "20000000"])
    told = maintenance.report(nil, told: told, at: start + .seconds(601))
    #expect(maintenance.report(nil, told: told, at: start + .seconds(602)) == nil)
    #expect(lines() == ["20000000", "20000000", nil])
  }
}
