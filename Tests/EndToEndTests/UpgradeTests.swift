import Foundation
import GRDB
import StrictJSON
import TestSupport
import Testing

/// Workers are replaced one by one behind the socket that they share, as systemd does it on an upgrade.
@Suite(.serialized) struct UpgradeTests {
  /// Of each of four kinds a second: together more than fifty.
  private static let rate = 13
  private static let perKind = 130

  @Test func `no request is lost and none acts twice while every worker is replaced`() throws {
    let cluster = try Cluster(workerCount: 2, settings: ["GITHUB_WEBHOOK_SECRET": ""])
    let alice = try cluster.token("alice")
    let provision = #"{"runner_name_prefix":"ci","labels":["gpu"]}"#
    for number in 0..<Self.perKind {
      let body = #"{"runner_name":"old-\#(number)","labels":["gpu"]}"#
      #expect(try cluster.post("/api/v1/runners/jit", body, token: alice).status == 201)
    }
    let before = try Counts(cluster)

    let posts = ["-H", "Content-Type: application/json", "--data-binary", provision]
    let requests: [(arguments: [String], path: (Int) -> String, status: String)] = [
      (posts, { _ in "/api/v1/runners/provision" }, "201"),
      (posts, { _ in "/api/v1/runners/jit" }, "201"),
      ([], { _ in "/api/v1/runners?limit=5" }, "200"),
      (["-X", "DELETE"], { "/api/v1/runners/old-\($0)" }, "204"),
    ]
    let loads = try requests.map { request in
      try load(cluster, alice, request.arguments, request.path)
    }
    var replaced = 0
    // As long as requests come, and each of the two at least once.
    while replaced < 2 || loads.contains(where: \.isRunning) {
      let old = cluster.workers[replaced]
      let new = try cluster.startWorker()
      let isUp = try eventually(seconds: 30) {
        try cluster.logLines("worker.log", "started").count == replaced + 3
      }
      #expect(isUp && new.isRunning)
      // It answers what it has begun and leaves with success; what waits in the socket is for the others.
      #expect(old.stop() == 0)
      replaced += 1
    }
    for (load, request) in zip(loads, requests) {
      #expect(load.statuses() == [request.status: Self.perKind])
    }

    // Nothing was done twice: what GitHub issued, what was recorded and what callers have are the same.
    let after = try Counts(cluster)
    #expect(after.registrationTokens - before.registrationTokens == Self.perKind)
    #expect(after.jitConfigs - before.jitConfigs == Self.perKind)
    #expect(after.granted - before.granted == 2 * Self.perKind)
    #expect(after.removed - before.removed == Self.perKind)
    #expect(after.runnersAtGitHub == before.runnersAtGitHub)
    #expect(try cluster.command(["verify-audit-log"]).status == 0)
  }

  @Test func `workers that an upgrade has left behind grant nothing, and say why`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    let path = "/api/v1/runners/provision"
    let body = #"{"runner_name_prefix":"ci","labels":["gpu"]}"#
    #expect(try cluster.post(path, body, token: alice).status == 201)
    let issued = try cluster.state()["registration_tokens_issued"]

    // As init-db of a later version does it.
    func migrate(_ sql: String) throws {
      let queue = try DatabaseQueue(path: cluster.directory.file("service.db"))
      try queue.write { try $0.execute(sql: sql) }
    }
    try migrate("INSERT INTO schema_migrations VALUES (99, '0099_newer', 'x', '2030-01-01')")
    for _ in 0..<4 {
      #expect(
        try cluster.post(path, body, token: alice).problem == "503 DATABASE_UNAVAILABLE")
    }
    #expect(
      try eventually(seconds: 20) {
        let report = try cluster.get("/health/ready")
        return try report.status == 503
          && report.object["checks"]?.object?["schema"] == .string("failed")
      })
    let causes = try cluster.logLines("worker.log", "a check failed")
    #expect(causes.contains { $0["cause"]?.string?.contains("older than its database") == true })
    #expect(try cluster.state()["registration_tokens_issued"] == issued)
    // No command works by the old rules either, and no worker starts.
    #expect(try cluster.command(["set-label-policy", "--user", "a", "--label", "b"]).status == 1)
    let late = try cluster.startWorker()
    #expect(late.waitForEnd(seconds: 20) && late.status == 1)

    // The honest case: once program and database are of one version, they go on.
    try migrate("DELETE FROM schema_migrations WHERE number = 99")
    #expect(try cluster.post(path, body, token: alice).status == 201)
  }

  /// Requests one after the other on one connection, at an even pace, as a running program.
  private func load(
    _ cluster: Cluster, _ token: String, _ arguments: [String], _ path: (Int) -> String
  ) throws -> ChildProcess {
    let file = cluster.directory.file("load-\(UInt32.random(in: 0 ... .max))")
    let targets = (0..<Self.perKind).map {
      "url = \"\(cluster.url(path($0)))\"\noutput = \"/dev/null\"\n"
    }
    try targets.joined().write(toFile: file, atomically: true, encoding: .utf8)
    return try ChildProcess(
      "/usr/bin/curl",
      [
        "-sS", "--rate", "\(Self.rate)/s", "--max-time", "60", "--cacert",
        cluster.directory.file("tls.crt"), "-w", "%{http_code}\\n", "-H",
        "Authorization: Bearer \(token)", "-K", file,
      ] + arguments)
  }

  private struct Counts {
    let registrationTokens: Int
    let jitConfigs: Int
    let runnersAtGitHub: Int
    let granted: Int
    let removed: Int

    init(_ cluster: Cluster) throws {
      let state = try cluster.state()
      func count(_ name: String) throws -> Int {
        Int(try #require(state[name]?.integer))
      }
      registrationTokens = try count("registration_tokens_issued")
      jitConfigs = try count("jit_configs_issued")
      runnersAtGitHub = try #require(state["runners"]?.array?.count)
      let lines = try cluster.auditLines()
      granted = lines.count { $0["event_type"] == .string("provision") }
      removed = lines.count { $0["event_type"] == .string("deprovision") }
    }
  }
}
