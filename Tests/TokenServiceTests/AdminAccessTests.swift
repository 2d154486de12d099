import FastCGI
import Runners
import Storage
import StrictJSON
import Testing

@testable import TokenService

@Suite struct AdminAccessTests {
  /// Every admin route, with its pattern as the log has it.
  static let routes = [
    ("POST", "/label-policies", "/label-policies"),
    ("GET", "/label-policies", "/label-policies"),
    ("GET", "/label-policies/alice%40example.com", "/label-policies/{user}"),
    ("DELETE", "/label-policies/alice%40example.com", "/label-policies/{user}"),
    ("GET", "/security-events", "/security-events"),
    ("GET", "/audit-log", "/audit-log"),
    ("GET", "/runners", "/runners"),
    ("GET", "/runners/some-id", "/runners/{id}"),
    ("DELETE", "/runners/some-id", "/runners/{id}"),
    ("GET", "/approvals", "/approvals"),
    ("POST", "/approvals/some-id/approve", "/approvals/{id}/approve"),
    ("POST", "/approvals/some-id/deny", "/approvals/{id}/deny"),
  ]
  private static let body = #"{"user_identity":"alice@example.com","allowed_labels":["gpu"]}"#

  @Test(arguments: routes)
  func `without a token an admin route answers 401 and records nothing`(
    method: String, path: String, pattern: String
  ) throws {
    let world = try World.withAdmins()
    let response = world.send(method, "/api/v1/admin" + path, body: Self.body)
    #expect(response.problem == "401 UNAUTHENTICATED")
    #expect(response.header("WWW-Authenticate") != nil)
    #expect(try world.auditLines().isEmpty)
    let events = try world.database.read { try $0.securityEvents.page(matching: .init()) }
    #expect(events.total == 0)
  }

  @Test(arguments: routes)
  func `somebody who is no admin is refused, and it is recorded twice over`(
    method: String, path: String, pattern: String
  ) throws {
    let world = try World.withAdmins()
    #expect(try world.save(Self.body).status == 201)
    let response = try world.admin(method, path, as: "alice", body: Self.body)
    #expect(response.problem == "403 ADMIN_REQUIRED")

    let line = try #require(try world.auditLines().last)
    #expect(line["event_type"] == .string("admin_denied"))
    #expect(line["success"] == .bool(false))
    #expect(line["error_code"] == .string("ADMIN_REQUIRED"))
    #expect(line["user_identity"] == .string("alice@example.com"))
    let data = try #require(line["event_data"]?.object)
    #expect(data["method"] == .string(method))
    #expect(data["route"] == .string("/api/v1/admin" + pattern))

    let (events, total) = try world.database.read {
      try $0.securityEvents.page(matching: SecurityEventFilter())
    }
    #expect(total == 1)
    let event = try #require(events.first)
    #expect(event.event.kind == .adminDenied)
    #expect(event.event.severity == .high)
    #expect(event.event.actor.subject == "alice")
    #expect(event.event.data["method"] == .text(method))
    #expect(event.event.data["route"] == .text("/api/v1/admin" + pattern))
    let policy = try world.database.read { try $0.labelPolicies.policy(of: "alice@example.com") }
    #expect(policy?.revision == 1)
  }

  @Test(arguments: routes)
  func `an admin is let in, and nothing is recorded as denied`(
    method: String, path: String, pattern: String
  ) throws {
    let world = try World.withAdmins()
    _ = try world.save(Self.body)
    let response = try world.admin(method, path, body: Self.body)
    // The body is that of a policy, and there is no such runner: past the guard all the same.
    let isPastGuard =
      response.status < 300
      || ["404 RUNNER_NOT_FOUND", "422 VALIDATION_ERROR"].contains(response.problem)
    #expect(isPastGuard, "\(response.text)")
    #expect(try !world.auditEvents().contains("admin_denied"))
  }

  @Test func `an admin by a claim is let in`() throws {
    let world = try World.withAdmins()
    let admin = try world.token("carol", #"{"sub":"carol","groups":["runner-admins"]}"#)
    #expect(world.send("GET", "/api/v1/admin/runners", token: admin).status == 200)
    let other = try world.token("carol", #"{"sub":"carol","groups":["runner-adminsx"]}"#)
    #expect(
      world.send("GET", "/api/v1/admin/runners", token: other).problem == "403 ADMIN_REQUIRED")
  }

  @Test func `refusals in a row are one event with a count, and a record each`() throws {
    let world = try World.withAdmins()
    for _ in 0..<5 { _ = try world.admin("GET", "/runners", as: "alice") }
    let events = try world.database.read { try $0.securityEvents.page(matching: .init()).events }
    #expect(events.map(\.count) == [5])
    #expect(try world.auditEvents() == Array(repeating: "admin_denied", count: 5))
  }
}
