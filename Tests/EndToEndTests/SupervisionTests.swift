import Concurrency
import FastCGI
import Glibc
import Systemd
import TestSupport
import Testing

@testable import runner_token_service

/// What systemd hears of the processes that it starts.
@Suite struct SupervisionTests {
  /// What has been heard once there is something like it.
  private func heard(
    _ notice: String, by listener: NotificationListener
  ) throws -> [String] {
    var datagrams: [String] = []
    let wasHeard = eventually(seconds: 20) {
      datagrams += listener.received()
      return datagrams.contains { $0.contains(notice) }
    }
    try #require(wasHeard, "\(datagrams)")
    return datagrams
  }

  @Test func `a worker says when it serves, that it is well, and that it ends`() throws {
    let listener = try NotificationListener()
    let cluster = try Cluster(
      workerCount: 1,
      settings: [
        "NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "300000", "WORKER_THREADS": "3",
      ])
    let first = try heard("WATCHDOG=1", by: listener).first
    // How many are busy, the cluster has decided by then.
    let form = /READY=1\nSTATUS=Serving; [0-3] of 3 threads at work/
    #expect(try #require(first).wholeMatch(of: form) != nil)
    #expect(cluster.workers[0].stop() == 0)
    #expect(
      try heard("STOPPING=1", by: listener).last
        == "STOPPING=1\nSTATUS=Finishing the requests in flight")
  }

  @Test func `maintenance says so too, and that it waits for its turn`() throws {
    let (first, second) = (try NotificationListener(), try NotificationListener(isAbstract: true))
    let cluster = try Cluster(workerCount: 1)
    let processes = try [first, second].enumerated().map { index, listener in
      let process = try cluster.startMaintenance(
        log: "\(index).log",
        settings: ["NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "300000"])
      _ = try heard("READY=1", by: listener)
      let status = index == 0 ? "Maintaining" : "Waiting for another maintenance process"
      _ = try heard("WATCHDOG=1\nSTATUS=\(status)", by: listener)
      return process
    }
    #expect(processes.map { $0.stop() } == [0, 0])
    _ = try heard("STOPPING=1", by: first)
  }

  @Test func `a process that cannot tell does not start`() throws {
    let cluster = try Cluster(workerCount: 1)
    let outcome = try cluster.command(["maintain"], settings: ["NOTIFY_SOCKET": "nonsense"])
    #expect(outcome.status == 1)
  }

  @Test(
    arguments: [
      (WorkerPool.Vitals(threads: 2, busy: 0, stuck: 0, lost: 0), nil),
      (WorkerPool.Vitals(threads: 2, busy: 2, stuck: 0, lost: 0), nil),
      (
        WorkerPool.Vitals(threads: 2, busy: 2, stuck: 1, lost: 0),
        "1 of 2 threads do not come to an end"
      ),
      (WorkerPool.Vitals(threads: 2, busy: 0, stuck: 0, lost: 1), "1 of 2 threads have ended"),
    ] as [(WorkerPool.Vitals, String?)])
  func `a pool is well unless a thread is stuck or lost`(
    vitals: WorkerPool.Vitals, fault: String?
  ) {
    #expect(vitals.health == (fault.map { .stuck($0) } ?? .well(vitals.summary)))
  }

  @Test func `maintenance is stuck when a task is`() {
    let work = TimedWork()
    #expect(work.health == .well("Maintaining"))
    work.run("sync", within: .seconds(3600)) {
      #expect(work.health == .well("Maintaining; now: sync"))
      work.run("checkpoint", within: .seconds(-1)) {
        #expect(work.health == .stuck("checkpoint"))
      }
    }
  }
}
