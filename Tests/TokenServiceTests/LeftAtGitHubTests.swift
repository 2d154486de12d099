import Concurrency
import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing
import TokenService

@testable import github_simulator

/// GitHub makes a JIT runner before it answers: whatever becomes of the answer, none may stay there.
@Suite struct LeftAtGitHubTests {
  let world: World

  init() throws {
    world = try World()
  }

  private func lastLine(_ kind: String) throws -> JSONObject {
    try #require(try world.auditLines().last { $0["event_type"] == .string(kind) })
  }

  private func remains() throws -> String? {
    try lastLine("provision_failed")["event_data"]?.object?["left_at_github"]?.string
  }

  /// GitHub makes the runner and the answer is lost, in one of several ways.
  private func loseAnswer(_ status: Int, _ body: String = "{") throws {
    let body = body.replacingOccurrences(of: "\"", with: "\\\"")
    try world.control(
      "POST", "/faults",
      #"{"path_contains":"/generate-jitconfig","status":\#(status),"body":"\#(body)","after":true}"#
    )
  }

  /// A JIT runner that another program makes, which has not connected.
  private func makeForeign(_ name: String, labels: [String]) {
    world.simulator.state.withLock { state in
      let runner = github_simulator.Runner(
        id: state.runners.nextID(), name: name, os: "unknown",
        labels: github_simulator.Runner.Label.unique(labels, type: .readOnly), groupID: 1,
        isEphemeral: true, origin: .jitConfig("theirs"))
      state.runners.store(runner)
    }
  }

  @Test(arguments: [(502, "{"), (500, "{}"), (201, "{"), (201, #"{"runner":{}}"#)])
  func `a runner whose config was lost on the way is removed, and the name is free`(
    status: Int, body: String
  ) throws {
    try loseAnswer(status, body)
    let failed = try world.provisionJIT()
    #expect([502, 503].contains(failed.status))
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.liveRunner("ci-1") == nil)
    #expect(try remains() == "removed")
    #expect(try world.provisionJIT().status == 201)
  }

  @Test(arguments: [HTTPClientError.timedOut, .broken("x")])
  func `where GitHub may still act the name is kept until it cannot any more`(
    error: HTTPClientError
  ) throws {
    world.fail("/generate-jitconfig", error)
    let failed = try world.provisionJIT()
    #expect(failed.problem == "503 GITHUB_UNAVAILABLE")
    #expect(failed.header("Retry-After") == "10")
    #expect(try remains() == "unknown")
    let kept = try #require(try world.liveRunner("ci-1"))
    #expect(!kept.isIssued)
    world.heal()
    let early = try world.provisionJIT()
    #expect(early.problem == "409 RUNNER_NAME_CONFLICT")
    // Its owner is told when to try again, and nobody else.
    #expect(early.header("Retry-After") == "10")
    #expect(early.text.contains("not settled yet"))
    let strange = try world.provisionJIT(as: "bob")
    #expect(strange.problem == "409 RUNNER_NAME_CONFLICT")
    #expect(strange.header("Retry-After") == nil)
    #expect(strange.text.contains("Choose another"))
    // What GitHub was late with.
    makeForeign("ci-1", labels: ["self-hosted", "gpu"])
    world.clock.advance(by: 11)
    #expect(try world.provisionJIT().status == 201)
    #expect(try world.runner(id: kept.id)?.deletionReason == .reservationExpired)
    #expect(
      try lastLine("cleanup")["event_data"]?.object?["reason"] == .string("left_at_github"))
  }

  @Test func `where GitHub was not reached the name is free at once`() throws {
    world.fail("/generate-jitconfig", .cannotConnect("x"))
    #expect(try world.provisionJIT().problem == "503 GITHUB_UNAVAILABLE")
    #expect(try remains() == "nothing")
    world.heal()
    #expect(try world.provisionJIT().status == 201)
  }

  @Test func `where the look fails too the next request for the name removes what is there`() throws
  {
    try loseAnswer(502)
    world.fail("?name=ci-1", .timedOut)
    #expect(try world.provisionJIT().problem == "503 GITHUB_UNAVAILABLE")
    #expect(world.isAtGitHub("ci-1"))
    #expect(try remains() == "unknown")
    world.heal()
    world.clock.advance(by: 11)
    let first = try #require(world.simulator.state.withLock { $0.runners["ci-1"]?.id })
    #expect(try world.provisionJIT(as: "bob").status == 201)
    #expect(world.simulator.state.withLock { $0.runners["ci-1"]?.id } != first)
  }

  @Test func `without proof from GitHub an expired reservation keeps its name`() throws {
    try loseAnswer(502)
    world.fail("?name=ci-1", .timedOut)
    _ = try world.provisionJIT()
    world.clock.advance(by: 11)
    #expect(try world.provisionJIT().problem == "503 GITHUB_UNAVAILABLE")
    #expect(try world.liveRunner("ci-1") != nil)
  }

  @Test func `a worker that died leaves nothing behind that lasts`() throws {
    let now = Timestamp(world.clock.date)
    let orphan = Runner(
      id: "orphan", name: try #require(RunnerName("ci-1")), organization: "demo-org",
      status: .pending, busy: false, githubRunnerID: nil, runnerGroupID: 1,
      labels: [.selfHosted], ephemeral: true, disableUpdate: false, provisioning: .jit,
      owner: Principal(issuer: "i", subject: "s", identity: "s", isAdmin: false),
      isIssued: false, pendingUntil: now.adding(seconds: 60), createdAt: now, updatedAt: now,
      registeredAt: nil, deletedAt: nil, deletionReason: nil)
    try world.database.write { try $0.runners.insert(orphan) }
    makeForeign("ci-1", labels: ["self-hosted"])
    #expect(try world.provisionJIT().problem == "409 RUNNER_NAME_CONFLICT")
    #expect(world.isAtGitHub("ci-1"))
    world.clock.advance(by: 61)
    #expect(try world.provision().status == 201)
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.runner(id: "orphan")?.deletionReason == .reservationExpired)
  }

  @Test func `what appears only after the reservation was ended is removed and tried once more`()
    throws
  {
    world.fail("/generate-jitconfig", .timedOut)
    _ = try world.provisionJIT()
    world.heal()
    world.clock.advance(by: 11)
    let refreshed = world.send(
      "POST", "/api/v1/runners/ci-1/refresh", token: try world.token())
    #expect(try refreshed.object["deletion_reason"] == .string("reservation_expired"))
    makeForeign("ci-1", labels: ["GPU", "self-hosted"])
    #expect(try world.provisionJIT().status == 201)
    #expect(world.calls("/generate-jitconfig") == 3)
  }

  @Test func `a look that is overtaken does not remove what another request had made since`() throws
  {
    try loseAnswer(502)
    world.fail("?name=ci-1", .timedOut)
    _ = try world.provisionJIT()
    world.heal()
    world.clock.advance(by: 11)
    let bobs = Locked<Int?>(nil)
    world.onCall("?name=ci-1") { [world] in
      let status = try? world.provisionJIT(as: "bob").status
      bobs.withLock { $0 = status }
    }
    #expect(try world.provisionJIT().problem == "409 RUNNER_NAME_CONFLICT")
    #expect(bobs.withLock { $0 } == 201)
    let runner = try #require(try world.liveRunner("ci-1"))
    #expect(runner.owner.subject == "bob")
    let atGitHub = world.simulator.state.withLock { $0.runners["ci-1"]?.id }
    #expect(runner.githubRunnerID == atGitHub.map(Int64.init))
  }

  @Test func `somebody else's runner of the name stays, whatever was tried before`() throws {
    makeForeign("ci-1", labels: ["self-hosted", "gpu"])
    for _ in 0..<3 {
      #expect(try world.provisionJIT().problem == "409 RUNNER_NAME_CONFLICT")
      world.clock.advance(by: 61)
    }
    #expect(world.calls("DELETE ") == 0)
    #expect(try world.liveRunner("ci-1") == nil)
  }

  @Test(arguments: [
    (["self-hosted", "gpu", "prod"], "unknown", false), (["self-hosted", "gpu"], "Linux", false),
    (["self-hosted", "gpu"], "Linux", true),
  ])
  func `a runner that is not just what was asked for is not taken for a leftover`(
    labels: [String], os: String, isOnline: Bool
  ) throws {
    world.fail("/generate-jitconfig", .timedOut)
    _ = try world.provisionJIT()
    world.heal()
    world.clock.advance(by: 11)
    makeForeign("ci-1", labels: labels)
    world.simulator.state.withLock { state in
      guard var runner = state.runners["ci-1"] else { return }
      runner.os = os
      runner.isOnline = isOnline
      state.runners.store(runner)
    }
    #expect(try world.provisionJIT().problem == "409 RUNNER_NAME_CONFLICT")
    #expect(world.isAtGitHub("ci-1"))
  }

  @Test func `a runner whose issue cannot be audited is removed, and no config leaves`() throws {
    let path = world.directory.file("audit.jsonl")
    world.onCall("/generate-jitconfig") {
      try? FileManager.default.removeItem(atPath: path)
      try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }
    #expect(try world.provisionJIT().problem == "503 AUDIT_UNAVAILABLE")
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.liveRunner("ci-1") == nil)
    #expect(world.calls("DELETE ") == 1)
  }

  @Test func `where it cannot be removed then, the wish is stored`() throws {
    let path = world.directory.file("audit.jsonl")
    world.onCall("/generate-jitconfig") { [world] in
      try? FileManager.default.removeItem(atPath: path)
      try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      // The calls that follow this one: the hook comes before the failures are looked up.
      world.onCall("/actions/runners/5") { world.fail("/actions/runners/5", .timedOut) }
    }
    #expect(try world.provisionJIT().problem == "503 AUDIT_UNAVAILABLE")
    let kept = try #require(try world.liveRunner("ci-1"))
    #expect(kept.removal?.reason == .provisioningFailed)
    #expect(kept.githubRunnerID != nil)
    world.heal()
    try FileManager.default.removeItem(atPath: path)
    let deleted = world.send("DELETE", "/api/v1/runners/ci-1", token: try world.token())
    #expect(deleted.status == 204)
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.runner(id: kept.id)?.status == .deleted)
  }

  @Test func `a runner whose reservation ran out while GitHub made it is removed`() throws {
    world.onCall("/generate-jitconfig") { [clock = world.clock] in clock.advance(by: 61) }
    #expect(try world.provisionJIT().problem == "503 GITHUB_UNAVAILABLE")
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.provisionJIT().status == 201)
  }

  // MARK: - An answer that did not reach the web server

  private let undelivered = Request(
    parameters: Parameters([("REQUEST_ID", "0123456789abcdef")]), body: .complete([]),
    // The web server may have taken its time to go away.
    receivedAt: .now - .seconds(60))

  @Test(arguments: ["application/json", "text/plain", "text/x-shellscript"])
  func `a runner whose config was not delivered is removed`(accept: String) throws {
    let response = try world.provisionJIT(parameters: [("HTTP_ACCEPT", accept)])
    #expect(world.isAtGitHub("ci-1"))
    world.service.didNotDeliver(response, to: undelivered)
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.liveRunner("ci-1") == nil)
    #expect(try world.auditEvents().suffix(2) == ["provision_undelivered", "status_change"])
    #expect(try world.provisionJIT().status == 201)
  }

  @Test func `a config that was used was delivered after all`() throws {
    let response = try world.provisionJIT()
    let config = try #require(try response.object["encoded_jit_config"]?.string)
    try world.control("POST", "/runners/connect", #"{"encoded_jit_config":"\#(config)"}"#)
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    world.service.didNotDeliver(response, to: undelivered)
    #expect(try world.liveRunner("ci-1")?.removal == nil)
    #expect(world.isAtGitHub("ci-1"))
  }

  @Test func `where GitHub is down the runner is removed by who is next`() throws {
    let response = try world.provisionJIT()
    world.fail("/actions/runners/", .timedOut)
    world.service.didNotDeliver(response, to: undelivered)
    #expect(try world.liveRunner("ci-1")?.removal?.reason == .provisioningFailed)
    #expect(try world.auditEvents().last == "deprovision_requested")
    #expect(try world.provisionJIT(as: "bob").problem == "503 GITHUB_UNAVAILABLE")
    world.heal()
    #expect(try world.provisionJIT(as: "bob").status == 201)
    #expect(try world.auditEvents().contains("cleanup"))
  }

  @Test func `a token that was not delivered cannot be taken back and counts on`() throws {
    let response = try world.provision()
    world.service.didNotDeliver(response, to: undelivered)
    #expect(try world.liveRunner("ci-1") != nil)
    #expect(try world.auditEvents().last == "provision_undelivered")
  }
}
