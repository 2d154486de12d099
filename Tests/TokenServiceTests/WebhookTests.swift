import FastCGI
import Foundation
import GRDB
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// What webhooks of GitHub's change, and what they leave alone.
@Suite struct WebhookTests {
  let world: World

  init() throws {
    world = try World.withWebhooks()
  }

  @Test(arguments: [false, true])
  func `a job that starts makes a runner active and busy at once, and is recorded`(
    asForm: Bool
  ) throws {
    let runner = try world.pendingRunner()
    let webhook = Webhook.job("in_progress", runner: "CI-1", id: 7)
    #expect(try world.outcome(asForm ? webhook.asForm : webhook) == "200 processed")
    let seen = try #require(try world.liveRunner("ci-1"))
    #expect(seen.status == .active)
    #expect(seen.busy)
    #expect(seen.githubRunnerID == nil, "that is for GitHub to answer")
    #expect(seen.verifiedAt == nil)
    let records = try world.auditLines().suffix(2)
    #expect(records.map { $0["event_type"]?.string } == ["webhook", "status_change"])
    for record in records {
      #expect(record["user_identity"]?.string == "system:github-webhook")
      #expect(record["runner_id"]?.string == runner.id)
      let data = try #require(record["event_data"]?.object)
      #expect(data["delivery_id"]?.string == webhook.id)
      #expect(data["event"]?.string == "workflow_job")
      #expect(data["action"]?.string == "in_progress")
    }
    #expect(world.calls("/actions/runners/") == 1, "only the token was asked for")
  }

  @Test func `a job that ends frees its runner, which is then looked at again`() throws {
    _ = try world.pendingRunner()
    _ = try world.deliver(.job("in_progress", runner: "ci-1", id: 7))
    try verify("ci-1")
    #expect(try world.outcome(.job("completed", runner: "ci-1", id: 7)) == "200 processed")
    let runner = try #require(try world.liveRunner("ci-1"))
    #expect(!runner.busy)
    #expect(runner.status == .active, "that it is gone is for GitHub to say")
    #expect(runner.verifiedAt == nil)
  }

  @Test func `a runner that stays is not looked at again after each job`() throws {
    _ = try world.pendingRunner(ephemeral: false)
    _ = try world.deliver(.job("in_progress", runner: "ci-1", id: 7))
    try verify("ci-1")
    _ = try world.deliver(.job("completed", runner: "ci-1", id: 7))
    #expect(try world.liveRunner("ci-1")?.verifiedAt != nil)
    #expect(try world.liveRunner("ci-1")?.busy == false)
  }

  @Test func `a job's beginning that arrives after its end does not leave the runner busy`() throws
  {
    _ = try world.pendingRunner()
    #expect(try world.outcome(.job("completed", runner: "ci-1", id: 7)) == "200 processed")
    #expect(try world.liveRunner("ci-1")?.status == .active)
    #expect(
      try world.outcome(.job("in_progress", runner: "ci-1", id: 7))
        == "200 processed, and nothing was new")
    #expect(try world.liveRunner("ci-1")?.busy == false)
    // Its twin: another job.
    _ = try world.deliver(.job("in_progress", runner: "ci-1", id: 7, job: 2))
    #expect(try world.liveRunner("ci-1")?.busy == true)
  }

  @Test(
    arguments: [
      Webhook.job("queued", runner: "ci-1", id: 7), .job("waiting", runner: "ci-1", id: 7),
      .job("in_progress", runner: "other", id: 7),
      .job("in_progress", runner: "", id: 7), .job("in_progress", runner: "ci-1", id: 0),
      .job("in_progress", runner: "ci-1", id: 7, group: "GitHub Actions"),
      .job("in_progress", runner: "GitHub Actions 7", id: 7),
      .job("in_progress", runner: "ci-1", id: 7, installation: 1),
      .job("in_progress", runner: "ci-1", id: 7, organization: "other-org"),
      Webhook(#"{"action":"in_progress","installation":{"id":67890}}"#),
      Webhook(
        #"{"action":"completed","installation":{"id":67890},"organization":{"login":"demo-org"},"workflow_job":{"id":1,"runner_id":null,"runner_name":null,"runner_group_name":null}}"#
      ),
      Webhook(
        #"{"action":"completed","installation":{"id":67890},"organization":{"login":"demo-org"},"workflow_job":{"id":1,"runner_id":"","runner_name":"ci-1"}}"#
      ),
      .installation("suspend", id: 1), .installation("deleted", account: "other-org"),
      .installation("created"), .installation("new_permissions_accepted"),
      Webhook("{}", event: "workflow_run"), Webhook("not read", event: "push"),
      Webhook("{}"), Webhook(#"{"action":7}"#),
    ])
  func `what is not about a runner or the installation of ours changes nothing`(
    webhook: Webhook
  ) throws {
    _ = try world.pendingRunner()
    let before = try world.fingerprint()
    #expect(try world.deliver(webhook).status == 202)
    #expect(try world.fingerprint() == before)
  }

  @Test func `a runner whose id is known is found by that id, and by its name too`() throws {
    _ = try world.pendingRunner()
    _ = try world.deliver(.job("in_progress", runner: "ci-1", id: 7))
    try world.bind("ci-1", toID: 7)
    let before = try world.fingerprint()
    for webhook in [
      Webhook.job("completed", runner: "ci-1", id: 8), .job("completed", runner: "ci-2", id: 7),
    ] {
      #expect(try world.deliver(webhook).status == 202)
    }
    #expect(try world.fingerprint() == before)
    #expect(try world.deliver(.job("completed", runner: "ci-1", id: 7)).status == 200)
  }

  @Test func `what is told late of a runner that is gone is not taken for its successor's`() throws
  {
    let first = try world.pendingRunner()
    _ = try world.deliver(.job("in_progress", runner: "ci-1", id: 7))
    try world.bind("ci-1", toID: 7)
    var gone = try #require(try world.liveRunner("ci-1"))
    gone.delete(for: .goneAtGitHub, at: Timestamp(world.clock.date))
    let deleted = gone
    try world.database.write { try $0.runners.update(deleted) }
    world.clock.advance(by: 120)
    let second = try world.pendingRunner()
    try #require(second.id != first.id)
    let before = try world.fingerprint()
    // By its id, and where that was never learnt, by the time.
    let start = "\"\(Timestamp(world.clock.date).adding(seconds: -90))\""
    #expect(try world.deliver(.job("completed", runner: "ci-1", id: 7)).status == 202)
    #expect(
      try world.deliver(.job("in_progress", runner: "ci-1", id: 8, startedAt: start)).status == 202)
    #expect(try world.fingerprint() == before)
    let later = "\"\(Timestamp(world.clock.date).adding(seconds: 5))\""
    #expect(
      try world.outcome(.job("in_progress", runner: "ci-1", id: 9, startedAt: later))
        == "200 processed")
    #expect(try world.liveRunner("ci-1")?.status == .active)
  }

  @Test func `a name alone does not move a reservation for which nothing was issued`() throws {
    world.fail("registration-token", .timedOut)
    _ = try world.provision()
    world.heal()
    #expect(try world.deliver(.job("in_progress", runner: "ci-1", id: 7)).status == 202)
  }

  @Test func `a suspended, resumed and removed installation is noted and recorded`() throws {
    let steps: [(String, String, Installation.State)] = [
      ("suspend", "2026-11-22T10:00:00Z", .suspended),
      ("unsuspend", "2026-11-22T11:00:00Z", .active),
      ("deleted", "2026-11-22T12:00:00Z", .deleted),
    ]
    for (action, time, state) in steps {
      #expect(try world.outcome(.installation(action, updatedAt: time)) == "200 processed")
      #expect(try world.installationState == state)
      let record = try #require(try world.auditLines().last)
      #expect(record["event_type"]?.string == "installation_change")
      #expect(record["event_data"]?.object?["state"]?.string == state.rawValue)
    }
  }

  @Test func `a suspension that is told of after its end does not lock the organization out`()
    throws
  {
    _ = try world.deliver(.installation("unsuspend"))
    #expect(try world.outcome(.installation("suspend")) == "200 processed, and nothing was new")
    #expect(try world.installationState == .active)
    // Its twin: one that came later.
    _ = try world.deliver(.installation("suspend", updatedAt: "2026-11-22T10:00:01Z"))
    #expect(try world.installationState == .suspended)
  }

  @Test func `a ping is answered and logged`() throws {
    #expect(
      try world.outcome(Webhook(#"{"zen":"Keep it simple."}"#, event: "ping")) == "200 received")
    #expect(world.log.all.contains { $0["message"] == "webhook" && $0["event"] == "ping" })
  }

  @Test func `that the hook was deleted is a warning in the log`() throws {
    #expect(
      try world.deliver(Webhook(#"{"action":"deleted","hook_id":1}"#, event: "meta")).status == 200)
    #expect(world.log.all.contains { $0["outcome"] == "hook_deleted" })
  }

  @Test func `without a secret there is no such endpoint`() throws {
    let world = try World()
    #expect(
      try world.deliver(.job("in_progress", runner: "ci-1", id: 7)).problem == "404 NOT_FOUND")
    #expect(world.service.bodyLimit == 65_536)
  }

  @Test func `a delivery that could not be stored works when it comes again`() throws {
    _ = try world.pendingRunner()
    let webhook = Webhook.job("in_progress", runner: "ci-1", id: 7)
    let before = try world.fingerprint()
    let rows = try DatabaseQueue(path: world.directory.file("service.db"))
    try rows.write {
      try $0.execute(
        sql: """
          CREATE TRIGGER full_disk BEFORE INSERT ON audit_log
          BEGIN SELECT RAISE(ABORT, 'disk full'); END
          """)
    }
    #expect(try world.deliver(webhook).problem == "503 DATABASE_UNAVAILABLE")
    #expect(try world.fingerprint() == before)
    try rows.write { try $0.execute(sql: "DROP TRIGGER full_disk") }
    #expect(try world.outcome(webhook) == "200 processed")
    #expect(try world.liveRunner("ci-1")?.busy == true)
  }

  private func verify(_ name: String) throws {
    var runner = try #require(try world.liveRunner(name))
    runner.verifiedAt = Timestamp(world.clock.date)
    let verified = runner
    try world.database.write { try $0.runners.update(verified) }
  }
}
