import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// `require_approval`, from the request to the runner.
@Suite struct ApprovalFlowTests {
  let world: World

  init() throws {
    world = try World(defaultPolicy: .deny, adminIdentities: ["root@example.com"])
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 1, requiresApproval: true))
  }

  private func save(_ policy: LabelPolicy) throws {
    _ = try world.database.write {
      try $0.labelPolicies.save(policy, of: "alice@example.com", by: "test")
    }
  }

  private func provision(
    _ approval: String? = nil, name: String = "ci-1", label: String = "gpu",
    as subject: String = "alice"
  ) throws -> Response {
    let member = approval.map { #","approval_id":"\#($0)""# } ?? ""
    return try world.provision(
      #"{"runner_name":"\#(name)","labels":["\#(label)"]\#(member)}"#, as: subject)
  }

  private func approved() throws -> String {
    let answer = try provision()
    #expect(answer.status == 202)
    let id = try #require(try answer.object["approval_id"]?.string)
    let decision = world.send(
      "POST", "/api/v1/admin/approvals/\(id)/approve", token: try world.token("root"), body: "{}")
    #expect(decision.status == 200, "\(decision.text)")
    return id
  }

  @Test func `a request that needs approval asks nobody's GitHub and takes no name`() throws {
    let answer = try provision()
    #expect(answer.status == 202)
    let id = try #require(try answer.object["approval_id"]?.string)
    #expect(try answer.object["status_url"] == .string("/api/v1/approvals/\(id)"))
    #expect(world.calls("/api/v3") == 0)
    #expect(try world.liveRunner("ci-1") == nil)
    #expect(try provision(id).problem == "403 APPROVAL_NOT_VALID")
    #expect(try world.auditEvents().contains("approval_requested"))
  }

  @Test func `no admin is asked about what the quota does not allow`() throws {
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 0, requiresApproval: true))
    #expect(try provision().problem == "429 QUOTA_EXCEEDED")
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 1, requiresApproval: true))
    #expect(try provision().status == 202)
  }

  @Test func `an approval stands in the audit log with its runner`() throws {
    let id = try approved()
    #expect(try provision(id).status == 201)
    let record = try #require(
      try world.auditLines().last { $0["event_type"] == .string("provision_requested") })
    #expect(record["event_data"]?.object?["approval_id"] == .string(id))
  }

  @Test func `once approved the same request is honoured once`() throws {
    let id = try approved()
    #expect(try provision(id).status == 201)
    #expect(
      world.send("DELETE", "/api/v1/runners/ci-1", token: try world.token()).status == 204)
    #expect(try provision(id).problem == "403 APPROVAL_NOT_VALID")
    let status = world.send("GET", "/api/v1/approvals/\(id)", token: try world.token())
    #expect(try status.object["status"] == .string("used"))
  }

  @Test func `an approval is for its own request and its own caller`() throws {
    let id = try approved()
    #expect(try provision(id, name: "ci-2").problem == "403 APPROVAL_NOT_VALID")
    #expect(try provision(id, label: "fpga").problem == "403 APPROVAL_NOT_VALID")
    _ = try world.database.write {
      try $0.labelPolicies.save(
        LabelPolicy(allowedLabels: [.any], requiresApproval: true), of: "bob@example.com",
        by: "test")
    }
    #expect(try provision(id, as: "bob").problem == "404 APPROVAL_NOT_FOUND")
    #expect(try provision(id).status == 201)
  }

  @Test func `the policy is asked again`() throws {
    let id = try approved()
    try save(LabelPolicy(requiresApproval: true))
    #expect(try provision(id).problem == "403 LABEL_POLICY_VIOLATION")
    try save(LabelPolicy(allowedLabels: [.any], requiresApproval: true))
    #expect(try provision(id).status == 201)
  }

  @Test func `an approval whose runner came to nothing can be used again`() throws {
    let id = try approved()
    world.fail("/registration-token", .timedOut)
    #expect(try provision(id).problem == "503 GITHUB_UNAVAILABLE")
    world.heal()
    #expect(try provision(id).status == 201)
  }

  @Test func `a refusal for another reason does not use the approval up`() throws {
    let id = try approved()
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 0, requiresApproval: true))
    #expect(try provision(id).problem == "429 QUOTA_EXCEEDED")
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 1, requiresApproval: true))
    #expect(try provision(id).status == 201)
  }
}
