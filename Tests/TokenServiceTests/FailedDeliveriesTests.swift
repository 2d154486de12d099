import Foundation
import GitHub
import HTTPClient
import Maintenance
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// Deliveries that did not arrive are asked for again.
@Suite struct FailedDeliveriesTests {
  let world: World
  private static let attempts = "/attempts"

  init() throws {
    world = try World.withWebhooks()
  }

  private func maintenance(receivesWebhooks: Bool = true) -> Maintenance {
    var options = Maintenance.Options(organization: "demo-org", installationID: 67890)
    options.receivesWebhooks = receivesWebhooks
    return Maintenance(
      options: options, github: world.service.github, database: world.database,
      auditFile: world.service.auditFile, logger: world.service.logger, now: world.clock.now)
  }

  /// Makes a delivery at the simulator that was answered with `status`.
  @discardableResult
  private func attempt(
    _ status: Int, _ event: String = "workflow_job", _ action: String = "completed",
    body: String = ""
  ) throws -> JSONObject {
    try world.controlAnswer(
      "POST", "/webhooks",
      #"{"secret":"\#(Webhook.secret)","event":"\#(event)","action":"\#(action)","status_code":\#(status)\#(body)}"#
    )
  }

  @Test func `what failed is asked for once, and that is recorded`() throws {
    try attempt(502)
    try attempt(200)
    try attempt(503, "installation", "suspend")
    try maintenance().redeliverFailed()
    #expect(world.calls(Self.attempts) == 2)
    let record = try #require(try world.auditLines().last)
    #expect(record["event_type"]?.string == "webhook")
    #expect(record["user_identity"]?.string == "system:maintenance")
    #expect(record["event_data"]?.object?["redeliveries_requested"]?.integer == 2)
    try maintenance().redeliverFailed()
    #expect(world.calls(Self.attempts) == 2)
    #expect(try world.auditEvents().count == 1)
  }

  @Test func `a lost delivery that GitHub repeats moves the runner`() throws {
    let token = try #require(try world.provision().object["registration_token"]?.string)
    try world.control(
      "POST", "/runners/register", #"{"token":"\#(token)","name":"ci-1","labels":["gpu"]}"#)
    let sent = try attempt(502, "workflow_job", "in_progress", body: #","runner":"ci-1""#)
    try maintenance().redeliverFailed()
    #expect(world.calls(Self.attempts) == 1)
    var webhook = Webhook(try #require(sent["body"]?.string))
    webhook.id = try #require(sent["delivery"]?.string)
    webhook.signature = try #require(sent["signature"]?.string)
    #expect(try world.outcome(webhook) == "200 processed")
    #expect(try world.liveRunner("ci-1")?.status == .active)
  }

  @Test func `what has been processed since, is of no use here or too old is not asked for`() throws
  {
    try attempt(502, "workflow_job", "in_progress")
    world.clock.advance(by: 3 * 86_400)
    try attempt(502, "workflow_job", "queued")
    try attempt(502, "push", "completed")
    try attempt(502, "installation", "created")
    let processed = try attempt(504)
    let id = try #require(processed["delivery"]?.string.flatMap(DeliveryID.init))
    try world.database.write {
      try $0.webhookDeliveries.insert(
        ProcessedDelivery(
          id: id, event: "workflow_job", action: "completed", subject: 1, happenedAt: nil))
    }
    try maintenance().redeliverFailed()
    #expect(world.calls("/app/hook/deliveries") == 1)
    #expect(world.calls(Self.attempts) == 0)
    #expect(try world.auditEvents().isEmpty)
    // Its twin.
    try attempt(502)
    try maintenance().redeliverFailed()
    #expect(world.calls(Self.attempts) == 1)
  }

  @Test func `fifty are asked for in a run, the oldest first, from as many pages as there are`()
    throws
  {
    for _ in 0..<120 { try attempt(502) }
    try maintenance().redeliverFailed()
    #expect(world.calls("/app/hook/deliveries?") == 2)
    #expect(world.calls(Self.attempts) == 50)
    #expect(world.calls("/app/hook/deliveries/9007199254740993/attempts") == 1)
    for _ in 0..<3 { try maintenance().redeliverFailed() }
    #expect(world.calls(Self.attempts) == 120)
  }

  @Test func `a delivery that always fails is not asked for without end`() throws {
    let first = try attempt(500)
    try maintenance().redeliverFailed()
    for _ in 0..<10 {
      try world.control(
        "POST", "/webhooks/redelivered",
        #"{"delivery":"\#(try #require(first["delivery"]?.string))","status_code":500}"#)
      try maintenance().redeliverFailed()
    }
    #expect(world.calls(Self.attempts) == 5)
  }

  @Test func `what GitHub was asked for before it failed is not asked for again`() throws {
    for _ in 0..<3 { try attempt(502) }
    world.onCall(Self.attempts) { [world] in
      world.onCall(Self.attempts) { world.fail(Self.attempts, .timedOut) }
    }
    #expect(throws: GitHubError.self) { try maintenance().redeliverFailed() }
    #expect(world.calls(Self.attempts) == 2)
    world.heal()
    try maintenance().redeliverFailed()
    #expect(world.calls(Self.attempts) == 4)
  }

  @Test func `where it cannot be recorded nothing is asked for`() throws {
    try attempt(502)
    let file = world.directory.file("audit.jsonl")
    try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
    #expect(throws: StorageError.self) { try maintenance().redeliverFailed() }
    #expect(world.calls(Self.attempts) == 0)
    try FileManager.default.removeItem(atPath: file)
    try maintenance().redeliverFailed()
    #expect(world.calls(Self.attempts) == 1)
  }

  @Test func `where no webhooks are received nothing is asked for`() throws {
    try attempt(502)
    try maintenance(receivesWebhooks: false).redeliverFailed()
    #expect(world.calls("/app/hook") == 0)
  }
}
