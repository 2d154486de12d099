import FastCGI
import Runners
import Storage
import StrictJSON
import Testing

@testable import TokenService

@Suite struct AdminAccessTests {
  /// Every admin route, with its pattern as the log has it.
  static let routes = [
    ("POST", "/api/v1/admin/label-policies", "/api/v1/admin/label-policies"),
    ("GET", "/api/v1/admin/label-policies", "/api/v1/admin/label-policies"),
    (
      "GET", "/api/v1/admin/label-policies/alice%40example.com",
      "/api/v1/admin/label-policies/{user}"
    ),
    (
      "DELETE", "/api/v1/admin/label-policies/alice%40example.com",
      "/api/v1/admin/label-policies/{user}"
    ),
    ("GET", "/api/v1/admin/security-events", "/api/v1/admin/security-events"),
    ("GET", "/api/v1/admin/audit-log", "/api/v1/admin/audit-log"),
    ("GET", "/api/v1/admin/runners", "/api/v1/admin/runners"),
    ("GET", "/api/v1/admin/runners/some-id", "/api/v1/admin/runners/{id}"),
    ("DELETE", "/api/v1/admin/runners/some-id", "/api/v1/admin/runners/{id}"),
    ("GET", "/api/v1/admin/approvals", "/api/v1/admin/approvals"),
    ("POST", "/api/v1/admin/approvals/some-id/approve", "/api/v1/admin/approvals/{id}/approve"),
    ("POST", "/api/v1/admin/approvals/some-id/deny", "/api/v1/admin/approvals/{id}/deny"),
    ("GET", "/api/v1/runner-groups", "/api/v1/runner-groups"),
    (
      "POST", "/api/v1/runners/provision?dry_run=true&as=bob%40example.com",
      "/api/v1/runners/provision"
    ),
    ("POST", "/api/v1/runners/jit?dry_run=true&as=bob%40example.com", "/api/v1/runners/jit"),
  ]
  private static let body = #"{"user_identity":"alice@example.com","allowed_labels":["gpu"]}"#

  @Test(arguments: routes)
  func `without a token an admin route answers 401 and records nothing`(
    method: String, path: String, pattern: String
  ) throws {
    let world = try World.withAdmins()
    let response = world.send(method, path, body: Self.body)
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
    let response = world.send(
      method, path, token: try world.token("alice"), body: Self.body)
    #expect(response.problem == "403 ADMIN_REQUIRED")

    let line = try #require(try world.auditLines().last)
    #expect(line["event_type"] == .string("admin_denied"))
    #expect(line["success"] == .bool(false))
    #expect(line["error_code"] == .string("ADMIN_REQUIRED"))
    #expect(line["user_identity"] == .string("alice@example.com"))
    let data = try #require(line["event_data"]?.object)
    #expect(data["method"] == .string(method))
    #expect(data["route"] == .string(pattern))

    let (events, total) = try world.database.read {
      try $0.securityEvents.page(matching: SecurityEventFilter())
    }
    #expect(total == 1)
    let event = try #require(events.first)
    #expect(event.event.kind == .adminDenied)
    #expect(event.event.severity == .high)
    #expect(event.event.actor.subject == "alice")
    #expect(event.event.data["method"] == .text(method))
    #expect(event.event.data["route"] == .text(pattern))
    let policy = try world.database.read { try $0.labelPolicies.policy(of: "alice@example.com") }
    #expect(policy?.revision == 1)
  }

  @Test(arguments: routes)
  func `an admin is let in, and nothing is recorded as denied`(
    method: String, path: String, pattern: String
  ) throws {
    let world = try World.withAdmins()
    _ = try world.save(Self.body)
    let response = world.send(
      method, path, token: try world.token("root"), body: Self.body)
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
