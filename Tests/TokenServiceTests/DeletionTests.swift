import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import github_simulator

/// A runner is deleted once GitHub has said so, and not before.
@Suite struct DeletionTests {
  let world: World

  init() throws {
    world = try World(adminIdentities: ["root@example.com"])
  }

  /// Provisions ci-1 for alice, which runs a job. Returns its id.
  private func busyRunner() throws -> String {
    let provisioned = try world.provisionJIT().object
    let config = try #require(provisioned["encoded_jit_config"]?.string)
    try world.control("POST", "/runners/connect", #"{"encoded_jit_config":"\#(config)"}"#)
    try world.control("POST", "/runners/ci-1/job", #"{"action":"start"}"#)
    return try #require(provisioned["runner_id"]?.string)
  }

  private func delete(_ query: String = "", as subject: String = "alice") throws -> Response {
    world.send("DELETE", "/api/v1/runners/ci-1" + query, token: try world.token(subject))
  }

  private func lastDeprovision() throws -> JSONObject {
    try #require(
      try world.auditLines().last { $0["event_type"] == .string("deprovision") })
  }

  @Test(arguments: [(true, "deleted"), (false, "not_found")])
  func `the record says what GitHub answered`(isThere: Bool, answer: String) throws {
    #expect(try world.provisionJIT().status == 201)
    if !isThere { try world.control("DELETE", "/runners/ci-1") }
    #expect(try delete().status == 204)
    #expect(try lastDeprovision()["event_data"]?.object?["at_github"] == .string(answer))
    #expect(world.calls("DELETE ") == 1)
    #expect(!world.isAtGitHub("ci-1"))
  }

  @Test(arguments: [500, 403, 202])
  func `no other answer of GitHub's deletes a runner here`(status: Int) throws {
    #expect(try world.provisionJIT().status == 201)
    try world.control(
      "POST", "/faults",
      #"{"method":"DELETE","path_contains":"/runners","status":\#(status),"count":3}"#)
    #expect([502, 503].contains(try delete().status))
    #expect(try world.liveRunner("ci-1") != nil)
    #expect(try lastDeprovision()["success"] == .bool(false))
    try world.control("DELETE", "/faults")
    #expect(try delete().status == 204)
  }

  @Test func `who deletes a busy runner is told what to do`() throws {
    let id = try busyRunner()
    let refused = try delete()
    #expect(refused.problem == "409 RUNNER_BUSY")
    let path = "/api/v1/admin/runners/\(id)"
    #expect(world.send("DELETE", path, token: try world.token("root")).problem == "409 RUNNER_BUSY")
    #expect(refused.text.contains("force=true"))
    #expect(try world.liveRunner("ci-1")?.removal == nil)
    #expect(try delete("?force=false").problem == "409 RUNNER_BUSY")
  }

  @Test(arguments: ["alice", "root"])
  func `a busy runner is removed later where that is wished, by its owner or an admin`(
    subject: String
  ) throws {
    let id = try busyRunner()
    let path = subject == "root" ? "/api/v1/admin/runners/\(id)" : "/api/v1/runners/ci-1"
    let token = try world.token(subject)
    func delete() -> Response { world.send("DELETE", path + "?force=true", token: token) }
    let accepted = delete()
    #expect(accepted.status == 202)
    let requestedAt = Timestamp(world.clock.date).description
    #expect(try accepted.object["removal_requested_at"] == .string(requestedAt))
    #expect(try accepted.object["runner_id"] == .string(id))
    #expect(try world.runner(id: id)?.removal?.reason == .requested)
    #expect(
      try world.auditEvents().suffix(2) == ["deprovision_requested", "deprovision"])
    #expect(try lastDeprovision()["error_code"] == .string("RUNNER_BUSY"))
    #expect(try lastDeprovision()["event_data"]?.object?["force"] == .bool(true))

    world.clock.advance(by: 5)
    #expect(try delete().object["removal_requested_at"] == .string(requestedAt))
    try world.control("POST", "/runners/ci-1/job", #"{"action":"finish"}"#)
    #expect(delete().status == 204)
    #expect(try world.runner(id: id)?.status == .deleted)
  }

  @Test func `a runner that is not busy is deleted at once, wished so or not`() throws {
    #expect(try world.provisionJIT().status == 201)
    #expect(try delete("?force=true").status == 204)
    #expect(!world.isAtGitHub("ci-1"))
  }

  @Test func `a wish is kept where GitHub cannot be asked, and the caller is told`() throws {
    #expect(try world.provisionJIT().status == 201)
    world.fail("/actions/runners/", .timedOut)
    #expect(try delete("?force=true").problem == "503 GITHUB_UNAVAILABLE")
    #expect(try world.liveRunner("ci-1")?.removal?.reason == .requested)
  }

  @Test(arguments: ["?force=yes", "?force", "?froce=true", "?force=true&force=true"])
  func `another query deletes nothing`(query: String) throws {
    #expect(try world.provisionJIT().status == 201)
    #expect(try delete(query).problem == "422 VALIDATION_ERROR")
    #expect(world.isAtGitHub("ci-1"))
  }

  @Test func `nobody else's wish is heard`() throws {
    _ = try busyRunner()
    #expect(try delete("?force=true", as: "bob").problem == "404 RUNNER_NOT_FOUND")
    #expect(try world.liveRunner("ci-1")?.removal == nil)
  }

  // MARK: - Reservations

  @Test func `a JIT runner that GitHub is just asked for is not deleted under the request`() throws
  {
    let token = try world.token()
    world.onCall("/generate-jitconfig") { [world] in
      let refused = world.send("DELETE", "/api/v1/runners/ci-1?force=true", token: token)
      #expect(refused.problem == "409 RUNNER_BUSY")
      let refreshed = world.send("POST", "/api/v1/runners/ci-1/refresh", token: token)
      #expect(refreshed.status == 200)
    }
    #expect(try world.provisionJIT().status == 201)
    #expect(try world.liveRunner("ci-1")?.removal == nil)
  }

  @Test func `an expired reservation is deleted with what it left at GitHub`() throws {
    try world.control(
      "POST", "/faults",
      #"{"path_contains":"/generate-jitconfig","status":502,"after":true}"#)
    world.fail("?name=ci-1", .timedOut)
    _ = try world.provisionJIT()
    #expect(world.isAtGitHub("ci-1"))
    world.heal()
    world.clock.advance(by: 11)
    #expect(try delete().status == 204)
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.auditEvents().contains("cleanup"))
  }

  @Test(arguments: [("DELETE", ""), ("POST", "/refresh")])
  func `a reservation that is ended gives its approval back`(
    method: String, suffix: String
  ) throws {
    _ = try world.database.write {
      try $0.labelPolicies.save(
        LabelPolicy(allowedLabels: [.any], requiresApproval: true), of: "alice@example.com",
        by: "test")
    }
    let id = try #require(try world.provisionJIT().object["approval_id"]?.string)
    #expect(try world.admin("POST", "/approvals/\(id)/approve", body: "{}").status == 200)
    // A worker that dies: the reservation and the use of the approval are all that there is.
    let now = Timestamp(world.clock.date)
    let orphan = Runner(
      id: "00000000-0000-4000-8000-000000000001", name: try #require(RunnerName("ci-1")),
      organization: "demo-org",
      status: .pending, busy: false, githubRunnerID: nil, runnerGroupID: 1,
      labels: ["self-hosted", "gpu"].compactMap(Label.init), ephemeral: true,
      disableUpdate: false, provisioning: .jit,
      owner: Principal(
        issuer: World.baseURL + "/oidc", subject: "alice", identity: "alice@example.com",
        isAdmin: false),
      isIssued: false, pendingUntil: now.adding(seconds: 60), createdAt: now, updatedAt: now,
      registeredAt: nil, deletedAt: nil, deletionReason: nil)
    let wasApproved = try world.database.write { transaction in
      try transaction.runners.insert(orphan)
      return try transaction.approvals.markUsed(
        id: id, runnerID: "00000000-0000-4000-8000-000000000001")
    }
    #expect(wasApproved)
    world.clock.advance(by: 61)
    let ended = world.send(
      method, "/api/v1/runners/ci-1" + suffix, token: try world.token())
    #expect([200, 204].contains(ended.status))
    #expect(try world.runner(id: "00000000-0000-4000-8000-000000000001")?.status == .deleted)
    let again = try world.provisionJIT(
      #"{"runner_name":"ci-1","labels":["gpu"],"approval_id":"\#(id)"}"#)
    #expect(again.status == 201)
  }
}
