import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

/// What the disk can do to a running service. Each of these mounts a small file system of its own, which takes root with the
/// right to mount; elsewhere they are skipped, which the output says.
@Suite(
  .serialized, .enabled(if: Disk.isPossible, "only root may mount, and not in every container"))
struct StorageFaultTests {
  private static let provision = "/api/v1/runners/provision"
  private static let body = #"{"runner_name_prefix":"ci","labels":["gpu"]}"#

  /// Which of the two files lies on the disk that fails.
  enum Part: String, CaseIterable {
    case database, audit_file

    var problem: String {
      self == .database ? "503 DATABASE_UNAVAILABLE" : "503 AUDIT_UNAVAILABLE"
    }
  }

  private func cluster(_ part: Part, on disk: Disk) throws -> Cluster {
    let path = disk.path
    return try Cluster(
      settings: part == .database
        ? ["DATABASE_URL": "sqlite:///\(path)/service.db"]
        : ["AUDIT_LOG_PATH": "\(path)/audit.jsonl"])
  }

  private func isReady(_ cluster: Cluster) throws -> Bool {
    try cluster.get("/health/ready").status == 200
  }

  /// That callers are refused, nothing leaves, and whoever looks is told where and why.
  private func expectOutage(
    _ part: Part, _ cluster: Cluster, _ token: String, path: String, reason: String
  ) throws {
    let issued = try cluster.state()["registration_tokens_issued"]
    for _ in 0..<4 {
      let answer = try cluster.post(Self.provision, Self.body, token: token)
      #expect(answer.problem == part.problem)
      #expect(answer.header("Retry-After") != nil)
    }
    // The report is five seconds old at most.
    #expect(
      try eventually(seconds: 20) {
        let report = try cluster.get("/health/ready")
        return try report.status == 503
          && report.object["checks"]?.object?[part.rawValue] == .string("failed")
      })
    let causes = try cluster.logLines("worker.log", "a check failed")
      .filter { $0["check"] == .string(part.rawValue) }.compactMap { $0["cause"]?.string }
    #expect(causes.contains { $0.contains(path) && $0.contains(reason) }, "\(causes)")
    #expect(try cluster.state()["registration_tokens_issued"] == issued)
  }

  /// That everything works again, with the workers that were there.
  private func expectRecovery(_ cluster: Cluster, _ token: String) throws {
    #expect(
      try eventually(seconds: 20) {
        try cluster.post(Self.provision, Self.body, token: token).status == 201
      })
    #expect(try eventually(seconds: 20) { try isReady(cluster) })
    #expect(cluster.workers.count == 2 && cluster.workers.allSatisfy(\.isRunning))
  }

  @Test(arguments: Part.allCases)
  func `a full disk refuses what cannot be stored, and heals by itself`(part: Part) throws {
    let disk = try Disk(megabytes: 4)
    let cluster = try cluster(part, on: disk)
    let alice = try cluster.token("alice")
    #expect(try cluster.post(Self.provision, Self.body, token: alice).status == 201)

    try disk.fill()
    // What still fits into the file's last block is whole, and granted.
    var fitting = 0
    while fitting < 40, try cluster.post(Self.provision, Self.body, token: alice).status == 201 {
      fitting += 1
    }
    #expect(fitting < 40)
    let file = part == .database ? "service.db" : "audit.jsonl"
    try expectOutage(part, cluster, alice, path: "\(disk.path)/\(file)", reason: "full")
    try disk.free()
    try expectRecovery(cluster, alice)
    #expect(try cluster.command(["verify-audit-log"]).status == 0)
  }

  @Test func `an audit file on a disk that has become read-only is an outage, and heals by itself`()
    throws
  {
    let disk = try Disk(megabytes: 4)
    let cluster = try cluster(.audit_file, on: disk)
    let alice = try cluster.token("alice")
    #expect(try cluster.post(Self.provision, Self.body, token: alice).status == 201)
    do {
      // Over the other: files that are open keep a file system from being made read-only.
      let above = try Disk(megabytes: 1, over: disk.path, isReadOnly: true)
      try expectOutage(
        .audit_file, cluster, alice, path: "\(disk.path)/audit.jsonl",
        reason: "Read-only file system")
      withExtendedLifetime(above) {}
    }
    try expectRecovery(cluster, alice)
  }

  @Test func `no worker starts on a read-only disk, and says which`() throws {
    let program = try Program()
    let disk = try Disk(megabytes: 4)
    for name in ["service.db", "service.db-wal", "service.db-shm"] {
      try? FileManager.default.copyItem(
        atPath: program.file(name), toPath: "\(disk.path)/\(name)")
    }
    try disk.makeReadOnly()
    let outcome = try program.run(
      shell:
        "DATABASE_URL='sqlite:///\(disk.path)/service.db' exec \"$0\" worker --listen '\(program.file("s"))'"
    )
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("\(disk.path)/service.db"))
    #expect(outcome.errors.contains("Read-only file system"))
    // The honest case: elsewhere it does.
    let worker = try program.start(["worker", "--listen", program.file("s")])
    #expect(eventually(seconds: 20) { access(program.file("s"), F_OK) == 0 })
    #expect(worker.stop() == 0)
  }

  @Test func `files that are another user's are named, and put right without a restart`() throws {
    let directory = try TemporaryDirectory()
    let state = directory.file("state")
    let nobody: uid_t = 65_534
    #expect(chmod(directory.path, 0o755) == 0)
    #expect(mkdir(state, 0o700) == 0 && chown(state, nobody, nobody) == 0)
    // Started by root, the workers become the directory's owner.
    let cluster = try Cluster(settings: [
      "DATABASE_URL": "sqlite:///\(state)/service.db", "AUDIT_LOG_PATH": "\(state)/audit.jsonl",
    ])
    let alice = try cluster.token("alice")
    #expect(try cluster.post(Self.provision, Self.body, token: alice).status == 201)

    // Somebody has rotated it by hand, as root.
    let file = "\(state)/audit.jsonl"
    #expect(rename(file, file + ".1") == 0)
    try Data().write(to: URL(filePath: file))
    #expect(chmod(file, 0o600) == 0)
    try expectOutage(.audit_file, cluster, alice, path: file, reason: "Permission denied")
    #expect(chown(file, nobody, nobody) == 0)
    try expectRecovery(cluster, alice)

    // Whoever opens the database anew is told which of its files it is, and whose.
    let log = "\(state)/service.db-wal"
    #expect(chown(log, 0, 0) == 0 && chmod(log, 0o600) == 0)
    let worker = try cluster.startWorker()
    #expect(worker.waitForEnd(seconds: 20) && worker.status == 1)
    let lines = try String(contentsOfFile: cluster.directory.file("worker.log"), encoding: .utf8)
    #expect(lines.contains("\(log): Permission denied, it is root's"))
    #expect(chown(log, nobody, nobody) == 0)
    #expect(try cluster.command(["status"]).status == 0)
  }
}

/// A file system in memory, for as long as the test holds it.
final class Disk {
  let path: String
  private let directory: TemporaryDirectory?
  private let filler: String

  /// Whether this process may mount.
  static let isPossible: Bool = {
    guard geteuid() == 0, let disk = try? Disk(megabytes: 1) else { return false }
    withExtendedLifetime(disk) {}
    return true
  }()

  /// - Parameter over: where to mount it, instead of a directory of its own.
  init(megabytes: Int, over place: String? = nil, isReadOnly: Bool = false) throws {
    directory = try place == nil ? TemporaryDirectory() : nil
    path = place ?? directory?.path ?? ""
    filler = path + "/filler"
    try ChildProcess.run(
      "/bin/mount",
      [
        "-t", "tmpfs", "-o", "size=\(megabytes)m,mode=700\(isReadOnly ? ",ro" : "")", "tmpfs", path,
      ])
  }

  deinit {
    // Lazily: processes that end with the test may still have files open.
    _ = try? ChildProcess.run("/bin/umount", ["-l", path])
  }

  func fill() throws {
    let descriptor = open(filler, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let block = [UInt8](repeating: 0, count: 4096)
    while write(descriptor, block, block.count) > 0 {}
    try #require(errno == ENOSPC)
  }

  func free() throws {
    try FileManager.default.removeItem(atPath: filler)
  }

  func makeReadOnly() throws {
    try ChildProcess.run("/bin/mount", ["-o", "remount,ro", path])
  }
}
