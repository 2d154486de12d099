import Foundation
import Glibc
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// The maintenance process as an admin runs it.
@Suite struct MaintainTests {
  @Test func `a second process takes over when the first is killed`() throws {
    let cluster = try Cluster(workerCount: 1)
    let first = try cluster.startMaintenance(log: "first.log")
    #expect(try eventually(seconds: 20) { try !cluster.logLines("first.log", "synced").isEmpty })
    let second = try cluster.startMaintenance(log: "second.log")
    let waiting = "waiting: another maintenance process is at work"
    #expect(try eventually(seconds: 20) { try !cluster.logLines("second.log", waiting).isEmpty })
    #expect(try cluster.command(["sync-github"]).status == 1)
    #expect(try cluster.command(["sync-github", "--dry-run"]).status == 0)
    #expect(try cluster.logLines("second.log", "started").isEmpty)

    first.send(SIGKILL)
    #expect(try eventually(seconds: 5) { try !cluster.logLines("second.log", "started").isEmpty })
    #expect(try eventually(seconds: 20) { try !cluster.logLines("second.log", "synced").isEmpty })
    #expect(second.stop() == 0)
    // With nobody at work the command does it.
    #expect(try cluster.command(["sync-github"]).status == 0)
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `it ends in time though GitHub does not answer`(signal: Int32) throws {
    let cluster = try Cluster(workerCount: 1)
    try cluster.simulate(
      "/control/faults", #"{"path_contains":"runners?per_page","delay_ms":9000}"#)
    let process = try cluster.startMaintenance()
    #expect(
      try eventually(seconds: 20) {
        try cluster.state()["faults_pending"]?.integer == 0
      })
    process.send(signal)
    #expect(process.waitForEnd(seconds: 5))
    #expect(process.status == 0)
    #expect(try cluster.logLines("maintain.log", "stopped").count == 1)
  }

  @Test func `one that waits for its turn ends as well`() throws {
    let cluster = try Cluster(workerCount: 1)
    let first = try cluster.startMaintenance(log: "first.log")
    #expect(try eventually(seconds: 20) { try !cluster.logLines("first.log", "started").isEmpty })
    let second = try cluster.startMaintenance(log: "second.log")
    let waiting = "waiting: another maintenance process is at work"
    #expect(try eventually(seconds: 20) { try !cluster.logLines("second.log", waiting).isEmpty })
    second.send(SIGTERM)
    #expect(second.waitForEnd(seconds: 5))
    #expect(second.status == 0)
    #expect(first.isRunning)
    #expect(first.stop() == 0)
  }

  @Test func `a GitHub in trouble is logged and tried again`() throws {
    let cluster = try Cluster(workerCount: 1)
    try cluster.simulate(
      "/control/faults",
      #"{"path_contains":"runners?per_page","status":500,"body":"{}","headers":{"Retry-After":"3"}}"#
    )
    let process = try cluster.startMaintenance(settings: ["SYNC_INTERVAL_SECONDS": "10"])
    #expect(try eventually(seconds: 40) { try !cluster.logLines("maintain.log", "synced").isEmpty })
    #expect(try cluster.logLines("maintain.log", "a task failed").count == 1)
    #expect(process.stop() == 0)
  }

  @Test func `an admin lists stale runners first and then removes them`() throws {
    let cluster = try Cluster(workerCount: 1)
    try addRunners(2, to: cluster, lastSeen: 3 * 3600)
    try cluster.simulate("/control/runners/many-00001/status", #"{"status":"offline"}"#)
    #expect(try cluster.command(["cleanup-stale-runners", "--hours", "0"]).status == 64)
    #expect(
      try cluster.command(["cleanup-stale-runners", "--hours", "4"]).text.contains("0 runners"))

    let listed = try cluster.command(["cleanup-stale-runners", "--hours", "2", "--dry-run"])
    #expect(listed.status == 0)
    #expect(listed.text.contains("2 runners would be removed."))
    #expect(try cluster.state()["runners"]?.array?.count == 2)

    // The other one is online at GitHub.
    let removed = try cluster.command(["cleanup-stale-runners", "--hours", "2"])
    #expect(removed.text.contains("1 runners are stale and removed."))
    #expect(removed.text.contains("many-00001"))
    #expect(try cluster.state()["runners"]?.array?.count == 1)
    let record = try cluster.auditLines().first { $0["event_type"]?.string == "cleanup" }
    #expect(record?["user_identity"]?.string?.hasPrefix("cli:") == true)
  }

  @Test func `ten thousand runners cost a hundred pages, and nothing when nothing changed`() throws
  {
    let cluster = try Cluster(workerCount: 1)
    let process = try cluster.startMaintenance(settings: ["SYNC_INTERVAL_SECONDS": "10"])
    #expect(try eventually(seconds: 20) { try !cluster.logLines("maintain.log", "synced").isEmpty })
    let before = try peakMemory(of: process)
    try addRunners(10_000, to: cluster)

    func syncs() throws -> [JSONObject] {
      try cluster.logLines("maintain.log", "synced").filter {
        $0["runners"]?.string == "10000" || $0["runners"]?.integer == 10_000
      }
    }
    #expect(try eventually(seconds: 150) { try syncs().count >= 2 })
    let (first, second) = (try #require(try syncs().first), try #require(try syncs().last))
    #expect(number(first, "requests") == 100)
    #expect(number(first, "changes") == 10_000)
    #expect(number(first, "unmanaged") == 0)
    #expect(number(second, "requests") == 100)
    #expect(number(second, "unchanged_pages") == 100)
    #expect(number(second, "changes") == 0)
    #expect(try peakMemory(of: process) - before < 100 << 10)
    #expect(process.stop() == 0)
  }

  private func number(_ object: JSONObject, _ name: String) -> Int64? {
    object[name]?.integer ?? object[name]?.string.flatMap { Int64($0) }
  }

  /// At GitHub and here, as if all of them had been provisioned and seen.
  private func addRunners(_ count: Int, to cluster: Cluster, lastSeen age: Int = 0) throws {
    let database = try Storage.Database(path: cluster.directory.file("service.db")) {
      Timestamp(Date())
    }
    let firstID = try #require(
      try cluster.simulate(
        "/control/runners/many", #"{"count":\#(count),"labels":["gpu"]}"#)?["first_id"]?.integer)
    try database.write { transaction in
      let time = transaction.now.adding(seconds: -age)
      for number in 0..<count {
        let name = "many-" + String(100_001 + number).dropFirst()
        try transaction.runners.insert(
          Runner(
            id: "id-\(name)", name: #require(RunnerName(name)), organization: "demo-org",
            status: .offline, busy: false, githubRunnerID: firstID + Int64(number),
            runnerGroupID: 1, labels: ["gpu"].compactMap(Label.init), ephemeral: false,
            disableUpdate: false, provisioning: .registrationToken,
            owner: Principal(issuer: "i", subject: "s", identity: "alice", isAdmin: false),
            isIssued: true, pendingUntil: time, createdAt: time,
            updatedAt: time, registeredAt: nil, deletedAt: nil, deletionReason: nil))
      }
    }
  }

  /// In KiB.
  private func peakMemory(of process: ChildProcess) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
  }
}
