import GRDB
import Glibc
import StrictJSON
import TestSupport
import Testing

@testable import Storage

/// Workers that are killed, replaced and told to end, and what callers notice of it.
extension EndToEndTests {
  @Test func `a worker killed while GitHub makes a JIT runner leaves none that lasts`() throws {
    let cluster = try Cluster(workerCount: 1)
    let alice = try cluster.token("alice")
    let jit = "/api/v1/runners/jit"
    let body = #"{"runner_name":"jit-1","labels":["gpu"]}"#
    try cluster.simulate(
      "/control/faults",
      #"{"path_contains":"generate-jitconfig","delay_ms":20000,"after":true}"#)
    let caller = try cluster.startLoad(1, jit, token: alice, body: body)
    #expect(
      try eventually(seconds: 10) { try cluster.state()["runners"]?.array?.count == 1 })
    for worker in cluster.workers {
      worker.send(SIGKILL)
      #expect(worker.waitForEnd(seconds: 10))
    }
    cluster.forgetWorkers()
    #expect(caller.statuses() == ["502": 1])
    try cluster.startWorker()
    #expect(try cluster.post(jit, body, token: alice).problem == "409 RUNNER_NAME_CONFLICT")
    // Its minute passes.
    try database(cluster).write {
      try $0.database.execute(
        sql: "UPDATE runners SET pending_until = '2020-01-01T00:00:00.000Z'")
    }
    #expect(try cluster.post(jit, body, token: alice).status == 201)
    #expect(try #require(try cluster.state()["runners"]?.array).count == 1)
    let events = try cluster.auditLines().compactMap { $0["event_type"]?.string }
    #expect(
      events == [
        "provision_requested", "provision_failed", "cleanup", "refresh", "status_change",
        "provision_requested", "provision",
      ])
  }

  @Test func `a worker killed before it answered leaves no lost and no double runner`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    try cluster.simulate(
      "/control/faults",
      #"{"method":"POST","path_contains":"registration-token","delay_ms":3000}"#)
    let body = #"{"runner_name":"ci-1"}"#
    let request = try cluster.startLoad(1, provisionPath, token: alice, body: body)
    let database = try database(cluster)
    func rows(_ condition: String) throws -> Int {
      try database.read {
        try Int.fetchOne($0.database, sql: "SELECT count(*) FROM runners WHERE \(condition)") ?? 0
      }
    }
    let pending = "status = 'pending' AND credential_sha256 IS NULL"
    #expect(
      try eventually(seconds: 10) {
        try rows(pending) == 1 && cluster.state()["faults_pending"] == .integer(0)
      })
    for worker in cluster.workers {
      worker.send(SIGKILL)
      #expect(worker.waitForEnd(seconds: 10))
    }
    cluster.forgetWorkers()
    #expect(request.statuses() == ["502": 1])

    try cluster.startWorker()
    // The reservation holds the name until its deadline, and not longer.
    #expect(try rows(pending) == 1)
    #expect(
      try cluster.post(provisionPath, body, token: alice).problem == "409 RUNNER_NAME_CONFLICT")
    try database.write {
      try $0.database.execute(
        sql: "UPDATE runners SET pending_until = '2020-01-01T00:00:00.000Z'")
    }
    #expect(try cluster.post(provisionPath, body, token: alice).status == 201)
    #expect(try rows("status <> 'deleted'") == 1)
    #expect(try rows("deletion_reason = 'reservation_expired'") == 1)
    let grants = try cluster.auditLines().filter { $0["event_type"] == .string("provision") }
    #expect(grants.count == 1)
    let integrity = try database.read {
      try String.fetchOne($0.database, sql: "PRAGMA integrity_check")
    }
    #expect(integrity == "ok")
  }

  @Test func `workers that are replaced under load lose no request`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    let requests = 600
    let load = try cluster.startLoad(
      requests, provisionPath, token: alice, body: #"{"runner_name_prefix":"load"}"#)
    for worker in cluster.workers {
      usleep(200_000)
      try cluster.startWorker()
      #expect(load.isRunning, "the load must outlast the restarts for this to show anything")
      worker.send(SIGTERM)
      #expect(worker.waitForEnd(seconds: 30))
      #expect(worker.status == 0)
    }
    #expect(load.statuses() == ["201": requests])
    #expect(
      try cluster.get("/api/v1/runners?limit=1", token: alice).object["total"]
        == .integer(Int64(requests)))
    let grants = try cluster.auditLines().filter { $0["event_type"] == .string("provision") }
    #expect(Set(grants.compactMap { $0["runner_id"]?.string }).count == requests)
    #expect(
      try cluster.state()["registration_tokens_issued"] == .integer(Int64(requests)))
  }

  @Test func `a worker told to end answers what waits for a slow GitHub first`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    try cluster.simulate(
      "/control/faults", #"{"path_contains":"/actions/runners","count":2,"delay_ms":2000}"#)
    let load = try cluster.startLoad(
      1, provisionPath, token: alice, body: #"{"runner_name":"ci-1"}"#)
    #expect(
      try eventually(seconds: 10) { try cluster.state()["faults_pending"] != .integer(2) })
    for worker in cluster.workers { worker.send(SIGTERM) }
    #expect(load.statuses() == ["201": 1])
    for worker in cluster.workers {
      #expect(worker.waitForEnd(seconds: 30))
      #expect(worker.status == 0)
    }
  }

  @Test func `a log that cannot be written does not end a worker`() throws {
    let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
    defer { close(full) }
    let cluster = try Cluster()
    for worker in cluster.workers { worker.stop() }
    cluster.forgetWorkers()
    let worker = try cluster.startWorker(log: full)
    let alice = try cluster.token("alice")
    for number in 0..<3 {
      let body = #"{"runner_name":"ci-\#(number)"}"#
      #expect(try cluster.post(provisionPath, body, token: alice).status == 201)
    }
    #expect(worker.isRunning)
  }

  @Test func `a silent connection does not keep a worker from ending`() throws {
    let cluster = try Cluster()
    let silent = try (0..<20).map { _ in try UnixConnection(cluster.directory.file("fcgi.sock")) }
    // It still serves, though more connections are silent than it has threads.
    #expect(try cluster.get("/health").status == 200)
    for worker in cluster.workers { worker.send(SIGTERM) }
    for worker in cluster.workers {
      #expect(worker.waitForEnd(seconds: 10))
      #expect(worker.status == 0)
    }
    withExtendedLifetime(silent) {}
  }

  @Test func `without workers nginx answers in the service's form`() throws {
    let cluster = try Cluster()
    cluster.stopSimulator()
    for worker in cluster.workers {
      worker.stop()
    }
    unlink(cluster.directory.file("fcgi.sock"))
    let answer = try cluster.get("/health")
    #expect(answer.status == 502)
    #expect(answer.header("Content-Type") == "application/problem+json")
    #expect(answer.header("Retry-After") != nil)
  }
}

/// A connection to a unix socket that says nothing.
final class UnixConnection {
  private let descriptor: Int32

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    try #require(connected)
  }

  deinit {
    close(descriptor)
  }
}
