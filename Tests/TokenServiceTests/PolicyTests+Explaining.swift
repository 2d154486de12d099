import FastCGI
import Foundation
import Runners
import StrictJSON
import TestSupport
import Testing

/// What would be decided, and why: `dry_run=true`, and what callers are told of their policy.
extension PolicyTests {
  private func explain(
    _ body: String, as identity: String? = nil, token: String? = nil
  ) throws -> Response {
    let query = identity.map { "&as=" + $0.replacingOccurrences(of: "@", with: "%40") } ?? ""
    return world.send(
      "POST", "/api/v1/runners/provision?dry_run=true\(query)",
      token: try token ?? world.token(), body: body)
  }

  @Test func `a dry run tells what would be decided and does nothing`() throws {
    try save(
      LabelPolicy(
        allowedLabels: labels("gpu", "*"), labelPatterns: [], maximumRunners: 3))
    let body = try explain(
      #"{"runner_name":"ci-1","labels":["gpu","linux","x","ubuntu-latest"],"runner_group_id":9}"#
    ).object
    #expect(body["allowed"] == .bool(false))
    let labels = try #require(body["labels"]?.array).compactMap(\.object)
    #expect(
      labels.map { $0["rule"]?.string } == ["exact", "system", "any", "hosted_runner_label"])
    #expect(
      try #require(body["reasons"]?.array).map { $0.object?["error_code"]?.string }
        == ["LABEL_POLICY_VIOLATION", "RUNNER_GROUP_NOT_ALLOWED"])
    #expect(body["quota"]?.object?["left"] == .integer(3))
    #expect(body["label_policy"]?.object?["source"] == .string("stored"))
    #expect(body["label_policy"]?.object?["revision"] == .integer(1))
    #expect(try world.auditEvents().isEmpty)
    #expect(try events().isEmpty)
    #expect(world.calls("/api/v3") == 0)
    #expect(try world.liveRunner("ci-1") == nil)
  }

  @Test func `a caller sees their policy, and how many runners they may have`() throws {
    try save(
      LabelPolicy(
        allowedLabels: labels("gpu"), labelPatterns: [try LabelPattern("a.*")], maximumRunners: 3))
    let body = try world.send("GET", "/api/v1/auth/me", token: try world.token()).object
    let policy = try #require(body["label_policy"]?.object)
    #expect(policy["source"] == .string("stored"))
    #expect(policy["revision"] == .integer(1))
    let rules = try #require(policy["rules"]?.array?.first?.object)
    #expect(rules["allowed_labels"] == .array([.string("gpu")]))
    #expect(rules["label_patterns"] == .array([.string("a.*")]))
    #expect(body["quota"]?.object?["limit"] == .integer(3))
    let other = try world.send("GET", "/api/v1/auth/me", token: try world.token("bob")).object
    #expect(other["label_policy"]?.object?["verdict"] == .string("deny"))
    #expect(other["label_policy"]?.object?["rules"] == .array([]))
  }

  @Test func `a dry run agrees with what then happens`() throws {
    try save(LabelPolicy(allowedLabels: labels("gpu"), maximumRunners: 1))
    for (name, status) in [("ci-1", 201), ("ci-2", 429)] {
      let body = #"{"runner_name":"\#(name)","labels":["gpu"]}"#
      #expect(try explain(body).object["allowed"] == .bool(status == 201))
      let response = world.send(
        "POST", "/api/v1/runners/provision", token: try world.token(), body: body)
      #expect(response.status == status)
    }
  }

  @Test func `an admin may ask for another, and that is recorded`() throws {
    try save(LabelPolicy(allowedLabels: labels("gpu")))
    let body = #"{"runner_name":"ci-1","labels":["gpu"]}"#
    let answer = try explain(body, as: "alice@example.com", token: world.token("root"))
    #expect(answer.status == 200)
    #expect(try answer.object["identity"] == .string("alice@example.com"))
    #expect(try answer.object["allowed"] == .bool(true))
    let record = try #require(try world.auditLines().last)
    #expect(record["event_type"] == .string("policy_explained"))
    #expect(record["user_identity"] == .string("root@example.com"))
    #expect(record["event_data"]?.object?["as"] == .string("alice@example.com"))
  }

  @Test func `nobody else may ask for another`() throws {
    let answer = try explain(
      #"{"runner_name":"ci-1"}"#, as: "alice@example.com", token: world.token("bob"))
    #expect(answer.problem == "403 ADMIN_REQUIRED")
    #expect(try explain(#"{"runner_name":"ci-1"}"#, token: world.token("bob")).status == 200)
    #expect(try events().map(\.event.kind) == [.adminDenied])
  }

  @Test(arguments: ["dry_run=false", "dry_run=", "as=x", "dryrun=true"])
  func `another query is refused, so that a typo does not provision`(query: String) throws {
    try save(LabelPolicy(allowedLabels: [.any]))
    let response = world.send(
      "POST", "/api/v1/runners/provision?\(query)", token: try world.token(),
      body: #"{"runner_name":"ci-1"}"#)
    #expect(response.problem == "422 VALIDATION_ERROR")
    #expect(try world.liveRunner("ci-1") == nil)
  }
}
