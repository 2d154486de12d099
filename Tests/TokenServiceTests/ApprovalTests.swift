import FastCGI
import Foundation
import Glibc
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// carol and dave are admins.
@Suite struct ApprovalTests {
  let world: World

  init() throws {
    world = try World(adminIdentities: ["carol@example.com", "dave@example.com"])
  }

  private func principal(_ name: String) -> Principal {
    Principal(
      issuer: World.baseURL + "/oidc", subject: name, identity: "\(name)@example.com",
      isAdmin: false)
  }

  private func wanted(_ name: String = "ci-1", _ labels: [String] = ["gpu"]) throws
    -> ApprovalRequest
  {
    ApprovalRequest(
      name: .exactly(try #require(RunnerName(name))), labels: labels.compactMap(Label.init),
      runnerGroupID: 1, ephemeral: true, disableUpdate: false, kind: .registrationToken)
  }

  private func context(_ caller: Principal) -> RequestContext {
    var context = RequestContext(
      request: Request(parameters: Parameters([]), body: .complete([])), requestID: "r")
    context.principal = caller
    return context
  }

  private func ask(
    _ name: String = "ci-1", _ labels: [String] = ["gpu"], as caller: String = "alice"
  ) throws -> Result<Approval, ServiceError> {
    let caller = principal(caller)
    let request = try wanted(name, labels)
    return try world.service.audited { transaction, record in
      try world.service.requestApproval(
        of: request, policyRevision: 4, by: caller, transaction, record, context(caller))
    }
  }

  /// The id of a new request of somebody's.
  private func asked(_ name: String = "ci-1", as caller: String = "alice") throws -> String {
    try ask(name, as: caller).get().id
  }

  private func redeem(
    _ id: String, _ name: String = "ci-1", as caller: String = "alice"
  ) throws -> ServiceError? {
    let caller = principal(caller)
    let request = try wanted(name)
    let outcome = try world.service.audited { transaction, _ in
      try world.service.redeemApproval(
        id, for: request, runnerID: "runner-1", by: caller, transaction, context(caller))
    }
    switch outcome {
    case .success: return nil
    case .failure(let error): return error
    }
  }

  private func decide(
    _ id: String, _ decision: String, as admin: String = "carol",
    _ body: String? = #"{"reason":"so"}"#
  ) throws -> Response {
    world.send(
      "POST", "/api/v1/admin/approvals/\(id)/\(decision)", token: try world.token(admin),
      body: body)
  }

  private func show(_ id: String, as caller: String = "alice") throws -> Response {
    world.send("GET", "/api/v1/approvals/\(id)", token: try world.token(caller))
  }

  private func status(_ id: String) throws -> String? {
    try show(id).object["status"]?.string
  }

  private func misuses() throws -> Int {
    try world.database.read {
      try $0.securityEvents.page(matching: SecurityEventFilter(kind: .approvalDenied)).events
        .map(\.count).reduce(0, +)
    }
  }

  // MARK: - Asking

  @Test func `the same request asked again while it waits is one approval`() throws {
    let first = try ask().get()
    #expect(try ask("ci-1", ["GPU"]).get() == first)
    #expect(try ask("ci-2").get().id != first.id)
    #expect(try ask(as: "bob").get().id != first.id)
    #expect(try world.auditEvents() == Array(repeating: "approval_requested", count: 3))
  }

  @Test func `nobody waits for more than twenty decisions`() throws {
    let ids = try (1...20).map { try asked("ci-\($0)") }
    #expect(try ask("ci-21") == .failure(.tooManyApprovals(limit: 20)))
    #expect(try ask("ci-20").get().id == ids[19])
    #expect(try ask("ci-21", as: "bob").get().policyRevision == 4)
    #expect(try decide(ids[0], "deny").status == 200)
    #expect(try ask("ci-21").get().policyRevision == 4)
  }

  @Test func `the answer says where to ask`() throws {
    let approval = try ask().get()
    func answer(_ accept: String) throws -> Response {
      let request = Request(
        parameters: Parameters([("HTTP_ACCEPT", accept)]), body: .complete([]))
      return try world.service.answer(approval, to: request)
    }
    let response = try answer("*/*")
    #expect(response.status == 202)
    #expect(response.header("Location") == "/api/v1/approvals/\(approval.id)")
    let body = try response.object
    #expect(body["approval_id"]?.string == approval.id)
    #expect(body["status"]?.string == "pending")
    let url = try #require(body["status_url"]?.string)
    #expect(world.send("GET", url, token: try world.token()).status == 200)
    let expiry = Timestamp(world.clock.date).adding(seconds: 86_400)
    #expect(body["expires_at"]?.string == expiry.description)
    // In the forms for scripts nothing can be taken for a token, and what is run fails and says why.
    #expect(try answer("text/plain").body.isEmpty)
    let outcome = try runShell(try answer("text/x-shellscript").text)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("has to approve") && outcome.errors.contains(approval.id))
  }

  private func runShell(_ script: String) throws -> (status: Int32?, errors: String) {
    let directory = try TemporaryDirectory()
    try script.write(toFile: directory.file("script"), atomically: true, encoding: .utf8)
    let log = directory.file("errors")
    let descriptor = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    let outcome = try ChildProcess("/bin/sh", [directory.file("script")], errors: descriptor)
      .finish()
    return (outcome.status, try String(contentsOfFile: log, encoding: .utf8))
  }

  // MARK: - Polling

  @Test func `an approval is shown to its owner and nobody else`() throws {
    let id = try asked()
    #expect(try show(id).status == 200)
    #expect(try show(id, as: "bob").problem == "404 APPROVAL_NOT_FOUND")
    #expect(try show(id, as: "carol").problem == "404 APPROVAL_NOT_FOUND")
    #expect(world.send("GET", "/api/v1/approvals/\(id)").problem == "401 UNAUTHENTICATED")
  }

  @Test func `the owner learns the decision and its reason, and not whose it was`() throws {
    let id = try asked()
    #expect(try decide(id, "deny", #"{"reason":"no GPU left"}"#).status == 200)
    let body = try show(id).object
    #expect(body["status"]?.string == "denied")
    #expect(body["reason"]?.string == "no GPU left")
    #expect(body["decided_by"] == nil)
    let request = try #require(body["request"]?.object)
    #expect(request["runner_name"]?.string == "ci-1")
  }

  // MARK: - Deciding

  @Test func `nobody approves their own request, and another admin can`() throws {
    let id = try asked(as: "carol")
    #expect(try decide(id, "approve", as: "carol").problem == "403 SELF_APPROVAL")
    let refused = try #require(try world.auditLines().last)
    #expect(refused["event_type"]?.string == "approval_approved")
    #expect(refused["success"]?.bool == false)
    let approved = try decide(id, "approve", as: "dave")
    #expect(approved.status == 200)
    #expect(try approved.object["decided_by"]?.string == "dave@example.com")
    #expect(try world.auditLines().last?["success"]?.bool == true)
  }

  @Test(arguments: ["approve", "deny"])
  func `only admins decide, and only once`(decision: String) throws {
    let id = try asked()
    #expect(try decide(id, decision, as: "bob").problem == "403 ADMIN_REQUIRED")
    #expect(try world.auditEvents().last == "admin_denied")
    #expect(try status(id) == "pending")
    #expect(try decide(id, decision).status == 200)
    #expect(try decide(id, "approve").problem == "409 APPROVAL_ALREADY_DECIDED")
    // What was approved can be taken back, once.
    #expect(try decide(id, "deny").status == (decision == "approve" ? 200 : 409))
    #expect(try decide(id, "deny").problem == "409 APPROVAL_ALREADY_DECIDED")
  }

  @Test func `an unknown approval is not found`() throws {
    #expect(try decide("unknown", "approve").problem == "404 APPROVAL_NOT_FOUND")
  }

  @Test func `an approval can be without a reason, a denial cannot`() throws {
    let (first, second) = (try asked("ci-1"), try asked("ci-2"))
    #expect(try decide(second, "deny", nil).problem == "422 VALIDATION_ERROR")
    #expect(try decide(second, "deny", "{}").problem == "422 VALIDATION_ERROR")
    #expect(try decide(first, "approve", nil).status == 200)
    #expect(try decide(second, "deny").status == 200)
  }

  @Test func `a reason has at most 1000 characters, and nothing stands beside it`() throws {
    let id = try asked()
    func body(_ count: Int) -> String {
      #"{"reason":"\#(String(repeating: "é", count: count))"}"#
    }
    for body in [body(1001), #"{"reason":" "}"#, #"{"reason":1}"#, #"{"reasons":"x"}"#] {
      #expect(try decide(id, "approve", body).problem == "422 VALIDATION_ERROR", "\(body)")
    }
    #expect(try decide(id, "approve", body(1000)).status == 200)
  }

  @Test func `an expired request cannot be approved`() throws {
    let id = try asked()
    world.clock.advance(by: 86_400)
    #expect(try status(id) == "expired")
    #expect(try decide(id, "approve").problem == "409 APPROVAL_ALREADY_DECIDED")
    #expect(try decide(try asked(), "approve").status == 200)
  }

  @Test func `admins list what waits`() throws {
    let (first, second) = (try asked("ci-1"), try asked("ci-2", as: "bob"))
    #expect(try decide(first, "approve").status == 200)
    func list(_ query: String, as caller: String = "carol") throws -> Response {
      world.send("GET", "/api/v1/admin/approvals" + query, token: try world.token(caller))
    }
    let waiting = try list("?status=pending&limit=10&offset=0").object
    #expect(waiting["total"]?.integer == 1)
    let shown = try #require(waiting["approvals"]?.array?.first?.object)
    #expect(shown["approval_id"]?.string == second)
    #expect(shown["requested_by"]?.string == "bob@example.com")
    #expect(try list("").object["total"]?.integer == 2)
    #expect(try list("", as: "alice").problem == "403 ADMIN_REQUIRED")
    for query in ["?status=open", "?limit=0", "?offset=-1", "?state=pending"] {
      #expect(try list(query).problem == "422 VALIDATION_ERROR", "\(query)")
    }
  }

  // MARK: - Using

  @Test func `an approval is good for one runner`() throws {
    let id = try asked()
    guard case .approvalNotValid = try redeem(id) else {
      Issue.record("an undecided approval was honoured")
      return
    }
    #expect(try misuses() == 0)
    #expect(try decide(id, "approve").status == 200)
    #expect(try redeem(id) == nil)
    #expect(try status(id) == "used")
    #expect(try show(id).object["runner_id"]?.string == "runner-1")
    let again = try #require(try redeem(id))
    #expect(Problem(again).code == "APPROVAL_NOT_VALID")
    #expect(Problem(again).detail.contains("used"))
    #expect(try misuses() == 1)
  }

  @Test func `another's approval and an unknown one are not found`() throws {
    let id = try asked()
    #expect(try decide(id, "approve").status == 200)
    #expect(try redeem(id, as: "bob") == .approvalNotFound)
    #expect(try redeem("unknown", as: "bob") == .approvalNotFound)
    #expect(try misuses() == 2)
    #expect(try redeem(id) == nil)
  }

  @Test func `an approval for another request is not used up`() throws {
    let id = try asked()
    #expect(try decide(id, "approve").status == 200)
    let refusal = try #require(try redeem(id, "ci-2"))
    #expect(refusal == .approvalNotValid(detail: "The approval is for another runner name."))
    #expect(try misuses() == 1)
    #expect(try redeem(id) == nil)
  }

  @Test func `a denied approval is refused`() throws {
    let id = try asked()
    #expect(try decide(id, "deny").status == 200)
    #expect(try redeem(id) == .approvalNotValid(detail: "The approval was denied."))
  }

  @Test func `an approval that was given can be taken back until it is used`() throws {
    let id = try asked()
    #expect(try decide(id, "approve").status == 200)
    #expect(try decide(id, "deny").status == 200)
    #expect(try redeem(id) == .approvalNotValid(detail: "The approval was denied."))
    #expect(try decide(id, "approve").problem == "409 APPROVAL_ALREADY_DECIDED")

    let used = try asked("ci-2")
    #expect(try decide(used, "approve").status == 200)
    #expect(try redeem(used, "ci-2") == nil)
    #expect(try decide(used, "deny").problem == "409 APPROVAL_ALREADY_DECIDED")
    #expect(try status(used) == "used")
  }

  @Test(arguments: [(86_399.0, true), (86_400.0, false)])
  func `an approval lasts a day`(seconds: Double, isHonoured: Bool) throws {
    let id = try asked()
    #expect(try decide(id, "approve").status == 200)
    world.clock.advance(by: seconds)
    let refusal = try redeem(id)
    #expect((refusal == nil) == isHonoured)
    #expect(try status(id) == (isHonoured ? "used" : "expired"))
  }
}
