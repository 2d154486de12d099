import Foundation
import GRDB
import Glibc
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// The audit log while several processes write it, and after one of them was killed.
@Suite(.serialized) struct AuditLoadTests {
  private static let products = URL(fileURLWithPath: "/proc/self/exe")
    .resolvingSymlinksInPath().deletingLastPathComponent().path

  /// Writes records as a worker does, until it has written so many.
  private func startWriter(_ program: Program, _ count: Int, perTransaction: Int) throws
    -> ChildProcess
  {
    try ChildProcess(
      Self.products + "/audit-writer",
      [program.file("service.db"), program.file("audit.jsonl"), "\(count)", "\(perTransaction)"])
  }

  /// The ids in the file and those that it was rotated to. Each line must be a record.
  private func mirrored(_ folder: String) throws -> [Int64] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
      $0.hasPrefix("audit.jsonl")
    }
    return try names.flatMap { name in
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
      #expect(bytes.isEmpty || bytes.last == UInt8(ascii: "\n"), "\(name)")
      return try bytes.split(separator: UInt8(ascii: "\n")).map { line in
        let object = try #require(try JSONValue(parsing: Array(line)).object)
        return try #require(object["id"]?.integer)
      }
    }
  }

  private func checkWhole(_ folder: String, _ database: Storage.Database) throws {
    let verified = try database.verifyAuditLog()
    #expect(try mirrored(folder).sorted() == Array(1..<verified.head.id + 1))
    _ = try database.verifyMirror(path: folder + "/audit.jsonl")
  }

  @Test func `two processes write 20,000 records while one exports and one verifies`() throws {
    let program = try Program()
    let writers = try (0..<2).map { _ in
      try startWriter(program, 10_000, perTransaction: 20)
    }
    let deadline = ContinuousClock.now + .seconds(240)
    var looks = 0
    while writers.contains(where: \.isRunning), ContinuousClock.now < deadline {
      let verified = try program.run("verify-audit-log")
      #expect(verified.status == 0, "\(verified.errors)")
      let exported = try program.run("export-audit-log", "--limit", "3000")
      #expect(exported.status == 0, "\(exported.errors)")
      let ids = try exported.text.split(separator: "\n").map {
        try #require(try JSONValue(parsing: Array($0.utf8)).object?["id"]?.integer)
      }
      // No row is missing in between.
      if let newest = ids.first, let oldest = ids.last {
        #expect(ids == (oldest...newest).reversed())
      }
      looks += 1
    }
    #expect(writers.map { $0.finish().status } == [0, 0])
    #expect(looks > 0)
    let database = try program.database()
    #expect(try database.verifyAuditLog().rows == 20_000 + looks)
    try checkWhole(program.file(""), database)
  }

  @Test func `logrotate takes the file away from writers and no line is lost or torn`() throws {
    let logrotate = try #require(
      ["/usr/sbin/logrotate", "/sbin/logrotate"].first {
        FileManager.default.isExecutableFile(atPath: $0)
      }, "logrotate is missing: scripts/install-dependencies logrotate")
    let program = try Program()
    let configuration = program.file("logrotate.conf")
    let text = """
      "\(program.file("audit.jsonl"))" {
        rotate 1000
        missingok
        nocreate
        delaycompress
      }

      """
    try text.write(toFile: configuration, atomically: true, encoding: .utf8)
    chmod(configuration, 0o600)
    let writers = try (0..<2).map { _ in try startWriter(program, 3000, perTransaction: 3) }
    let deadline = ContinuousClock.now + .seconds(120)
    var rotations = 0
    while writers.contains(where: \.isRunning), ContinuousClock.now < deadline {
      try ChildProcess.run(
        logrotate, ["--force", "--state", program.file("logrotate.state"), configuration])
      rotations += 1
      usleep(20_000)
    }
    #expect(writers.map { $0.finish().status } == [0, 0])
    #expect(rotations > 3)
    let database = try program.database()
    #expect(try mirrored(program.file("")).count == 6000)
    #expect(try mirrored(program.file("")).sorted() == Array(1...6000))
    #expect(try database.catchUp(AuditFile(path: program.file("audit.jsonl"))).records == 0)
  }

  @Test func `a worker lets go of a file that was moved away when it is told to`() throws {
    let cluster = try Cluster(workerCount: 1)
    let (path, moved) = (cluster.directory.file("audit.jsonl"), cluster.directory.file("moved"))
    let worker = try #require(cluster.workers.first)
    func hasOpen(_ path: String) throws -> Bool {
      let folder = "/proc/\(worker.id)/fd/"
      return try FileManager.default.contentsOfDirectory(atPath: folder).contains {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + $0)) == path
      }
    }
    let token = try cluster.token("alice")
    func provision(_ name: String) throws -> Int {
      try cluster.post(
        "/api/v1/runners/provision", #"{"runner_name":"\#(name)"}"#, token: token
      ).status
    }
    #expect(try provision("ci-1") == 201)
    try FileManager.default.moveItem(atPath: path, toPath: moved)
    #expect(try hasOpen(moved))
    worker.send(SIGHUP)
    #expect(try eventually(seconds: 5) { try !hasOpen(moved) })
    #expect(try provision("ci-2") == 201)
    #expect(try cluster.auditLines().count == 2)
  }

  /// How often; the variable makes it more.
  private static let kills =
    ProcessInfo.processInfo.environment["RTS_AUDIT_KILLS"].flatMap { Int($0) } ?? 20

  @Test func `a writer that is killed at any moment leaves a whole log and no half line`() throws {
    let program = try Program()
    let database = try program.database()
    var accepted: [String] = []
    for _ in 0..<Self.kills {
      let writer = try startWriter(program, 100_000, perTransaction: 1)
      usleep(UInt32.random(in: 20_000...80_000))
      writer.send(SIGKILL)
      let output = String(decoding: writer.finish().output, as: UTF8.self)
      // An answer counts once it is whole.
      accepted += output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        .map(String.init)
      try database.catchUp(AuditFile(path: program.file("audit.jsonl")))
    }
    try checkWhole(program.file(""), database)
    let recorded = try DatabaseQueue(path: program.file("service.db")).read {
      try String.fetchAll($0, sql: "SELECT request_id FROM audit_log")
    }
    #expect(Set(recorded).count == recorded.count)
    #expect(Set(accepted).isSubset(of: recorded))
    #expect(!accepted.isEmpty)
  }

  @Test func `each request that a killed worker had accepted is in table and file once`() throws {
    let cluster = try Cluster()
    let token = try cluster.token("alice")
    var accepted: [String] = []
    for _ in 0..<Self.kills {
      let load = try startLoad(cluster, token, count: 12)
      usleep(UInt32.random(in: 30_000...300_000))
      cluster.workers.last?.send(SIGKILL)
      let lines = String(decoding: load.finish().output, as: UTF8.self).split(separator: "\n")
      accepted += lines.filter { $0.hasPrefix("201 ") }.map { String($0.dropFirst(4)) }
      _ = cluster.workers.last?.waitForEnd(seconds: 5)
      try cluster.startWorker()
    }
    let database = try Storage.Database(path: cluster.directory.file("service.db")) {
      Timestamp(Date())
    }
    for worker in cluster.workers { worker.stop() }
    cluster.forgetWorkers()
    try database.catchUp(AuditFile(path: cluster.directory.file("audit.jsonl")))
    try checkWhole(cluster.directory.path, database)
    let lines = try cluster.auditLines().filter { $0["event_type"] == .string("provision") }
    let recorded = lines.compactMap { $0["request_id"]?.string }
    #expect(Set(recorded).count == recorded.count)
    #expect(Set(accepted).count == accepted.count)
    #expect(Set(accepted).isSubset(of: recorded))
    #expect(!accepted.isEmpty)
  }

  /// Provision requests, of each of which status and request id are printed.
  private func startLoad(_ cluster: Cluster, _ token: String, count: Int) throws -> ChildProcess {
    let target = "url = \"\(cluster.url("/api/v1/runners/provision"))\"\noutput = \"/dev/null\"\n"
    let file = cluster.directory.file("targets")
    try String(repeating: target, count: count).write(
      toFile: file, atomically: true, encoding: .utf8)
    return try ChildProcess(
      "/usr/bin/curl",
      [
        "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "6", "--max-time", "30",
        "--cacert", cluster.directory.file("tls.crt"), "-H", "Authorization: Bearer \(token)",
        "-H", "Content-Type: application/json", "--data-binary",
        #"{"runner_name_prefix":"ci","labels":["gpu"]}"#, "-w",
        "%{http_code} %header{x-request-id}\\n", "-K", file,
      ])
  }
}
