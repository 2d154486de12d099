import Runners
import Testing

@Suite struct ApprovalTests {
  static let alice = Principal(issuer: "i", subject: "alice", identity: "alice", isAdmin: false)
  static let bob = Principal(issuer: "i", subject: "bob", identity: "alice", isAdmin: true)
  static let start = Timestamp(milliseconds: 1_800_000_000_000)

  static func request(
    _ name: String = "ci-1", prefix: String? = nil, _ labels: [String] = ["gpu", "linux"],
    group: Int64 = 1, ephemeral: Bool = true, disableUpdate: Bool = false,
    kind: Provisioning = .registrationToken
  ) throws -> ApprovalRequest {
    let name: ProvisionRequest.Name =
      if let prefix {
        .generated(try #require(RunnerNamePrefix(prefix)))
      } else {
        .exactly(try #require(RunnerName(name)))
      }
    return ApprovalRequest(
      name: name, labels: labels.compactMap(Label.init), runnerGroupID: group,
      ephemeral: ephemeral, disableUpdate: disableUpdate, kind: kind)
  }

  static func approval(
    _ status: ApprovalStatus = .approved, of requested: ApprovalRequest? = nil
  ) throws -> Approval {
    Approval(
      id: "a", organization: "demo-org", owner: alice, requested: try requested ?? request(),
      policyRevision: 1, createdAt: start, expiresAt: start.adding(seconds: Approval.lifetime),
      status: status, decidedAt: nil, decidedBy: nil, reason: nil, runnerID: nil)
  }

  @Test(arguments: [
    try request(), try request("ci-1", ["linux", "gpu"]), try request("ci-1", ["GPU", "Linux"]),
    try request("ci-1", ["gpu", "linux", "Gpu"]),
  ])
  func `the same request is honoured, however its labels are written`(
    again: ApprovalRequest
  ) throws {
    let objections = try Self.approval().objections(to: again, by: Self.alice, at: Self.start)
    #expect(objections == [])
  }

  @Test(
    arguments: [
      (try request("ci-2"), .otherName), (try request("CI-1"), .otherName),
      (try request(prefix: "ci-1"), .otherName), (try request("ci-1", ["gpu"]), .otherLabels),
      (try request("ci-1", ["gpu", "linux", "x64"]), .otherLabels),
      (try request("ci-1", []), .otherLabels),
      (try request(group: 2), .otherRunnerGroup), (try request(kind: .jit), .otherKind),
      (try request(ephemeral: false), .otherEphemeral),
      (try request(disableUpdate: true), .otherDisableUpdate),
    ] as [(ApprovalRequest, Approval.Objection)])
  func `another request is not honoured`(
    other: ApprovalRequest, objection: Approval.Objection
  ) throws {
    let objections = try Self.approval().objections(to: other, by: Self.alice, at: Self.start)
    #expect(objections == [objection])
    let own = try Self.approval(of: other).objections(to: other, by: Self.alice, at: Self.start)
    #expect(own == [])
  }

  @Test func `somebody else with the same identity is not honoured`() throws {
    let objections = try Self.approval().objections(
      to: try Self.request(), by: Self.bob, at: Self.start)
    #expect(objections == [.otherPrincipal])
  }

  @Test(
    arguments: [
      (.pending, [.pending]), (.approved, []), (.denied, [.denied]), (.used, [.used]),
    ] as [(ApprovalStatus, [Approval.Objection])])
  func `only an approved one is honoured`(
    status: ApprovalStatus, expected: [Approval.Objection]
  ) throws {
    let objections = try Self.approval(status).objections(
      to: try Self.request(), by: Self.alice, at: Self.start)
    #expect(objections == expected)
  }

  @Test func `every objection is named`() throws {
    let other = try Self.request(
      "x", ["x"], group: 9, ephemeral: false, disableUpdate: true)
    let objections = try Self.approval(.used, of: try Self.request(kind: .jit)).objections(
      to: other, by: Self.bob, at: Self.start)
    #expect(
      objections == [
        .otherPrincipal, .otherName, .otherLabels, .otherRunnerGroup, .otherKind, .otherEphemeral,
        .otherDisableUpdate, .used,
      ])
  }

  @Test(
    arguments: [
      (.pending, .expired), (.approved, .expired), (.denied, .denied), (.used, .used),
    ] as [(ApprovalStatus, ApprovalStatus)])
  func `what is open expires after a day, and what is settled stays`(
    stored: ApprovalStatus, later: ApprovalStatus
  ) throws {
    let approval = try Self.approval(stored)
    let end = Self.start.adding(seconds: 86_400)
    #expect(approval.status(at: Timestamp(milliseconds: end.milliseconds - 1)) == stored)
    #expect(approval.status(at: end) == later)
  }

  @Test func `a JIT runner is ephemeral whatever was asked for`() throws {
    #expect(try Self.request(ephemeral: false, kind: .jit) == Self.request(kind: .jit))
  }

  @Test func `no group asks for the default one`() throws {
    let wanted = ProvisionRequest(name: .exactly(try #require(RunnerName("ci-1"))))
    let left = ApprovalRequest(wanted, kind: .registrationToken, defaultRunnerGroupID: 7)
    #expect(try left == Self.request("ci-1", [], group: 7))
  }
}
