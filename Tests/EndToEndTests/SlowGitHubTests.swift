import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite struct SlowGitHubTests {
  @Test func `a GitHub that hangs does not hold all threads of a worker`() throws {
    let cluster = try Cluster(workerCount: 1, settings: ["WORKER_THREADS": "6"])
    let token = try cluster.token("alice")
    try cluster.simulate(
      "/control/faults", #"{"path_contains":"/actions/runners","delay_ms":4000,"count":100}"#)
    // As many as may wait: two.
    let load = try cluster.startLoad(
      2, "/api/v1/runners/provision", token: token,
      body: #"{"runner_name_prefix":"slow","labels":["gpu"]}"#)
    defer { load.stop() }
    // A name is taken before GitHub is asked.
    let areWaiting = try eventually(seconds: 10) {
      try cluster.get("/api/v1/runners", token: token).object["total"]?.integer == 2
    }
    #expect(areWaiting)
    let late = try cluster.post(
      "/api/v1/runners/provision", #"{"runner_name":"late","labels":["gpu"]}"#, token: token)
    #expect(late.problem == "503 GITHUB_UNAVAILABLE")
    #expect(late.header("Retry-After") == "1")
    #expect(try cluster.get("/api/v1/auth/me", token: token).status == 200)
    #expect(load.isRunning)
    #expect(load.statuses() == ["201": 2])
  }
}
