import Foundation
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct ApprovalStoreTests {
  let directory: TemporaryDirectory
  let database: Storage.Database
  let clock = FakeClock()

  init() throws {
    directory = try TemporaryDirectory()
    let path = directory.file("test.db")
    try Storage.Database.migrate(path: path, now: Timestamp(clock.date))
    database = try Storage.Database(path: path) { [clock] in Timestamp(clock.date) }
  }

  private func request(_ labels: [String] = ["gpu"], prefix: Bool = false) throws
    -> ApprovalRequest
  {
    let name: ProvisionRequest.Name =
      prefix
      ? .generated(try #require(RunnerNamePrefix("ci-1")))
      : .exactly(try #require(RunnerName("ci-1")))
    return ApprovalRequest(
      name: name, labels: labels.compactMap(Label.init), runnerGroupID: 1, ephemeral: true,
      disableUpdate: false, kind: .jit)
  }

  @discardableResult
  private func insert(
    _ id: String, _ request: ApprovalRequest? = nil, of owner: Principal = .alice
  ) throws -> Approval {
    let requested = try request ?? self.request()
    return try database.write { transaction in
      let approval = Approval(
        id: id, organization: "demo-org", owner: owner, requested: requested, policyRevision: 3,
        createdAt: transaction.now)
      try transaction.approvals.insert(approval)
      return approval
    }
  }

  private func decide(_ decision: ApprovalDecision, _ id: String) throws -> Bool {
    try database.write {
      try $0.approvals.decide(decision, id: id, by: "admin", reason: "because")
    }
  }

  private func markUsed(_ id: String, for runnerID: String) throws -> Bool {
    try database.write { try $0.approvals.markUsed(id: id, runnerID: runnerID) }
  }

  private func read(_ id: String, organization: String = "demo-org") throws -> Approval? {
    try database.read { try $0.approvals.approval(id: id, organization: organization) }
  }

  @Test(arguments: [false, true])
  func `what is stored is read back`(prefix: Bool) throws {
    let approval = try insert("a", try request(["b", "A"], prefix: prefix))
    #expect(try read("a") == approval)
    #expect(try read("b") == nil)
    #expect(try read("a", organization: "other") == nil)
  }

  @Test func `an approved one is used once`() throws {
    try insert("a")
    #expect(try !markUsed("a", for: "r1"))
    #expect(try decide(.approve, "a"))
    #expect(try markUsed("a", for: "r1"))
    #expect(try !markUsed("a", for: "r2"))
    let used = try #require(try read("a"))
    #expect(used.runnerID == "r1")
    #expect(used.status(at: used.createdAt) == .used)
  }

  @Test func `one given back by its own runner can be used again`() throws {
    try insert("a")
    #expect(try decide(.approve, "a"))
    #expect(try markUsed("a", for: "r1"))
    try database.write { try $0.approvals.release(runnerID: "r2") }
    #expect(try !markUsed("a", for: "r3"))
    try database.write { try $0.approvals.release(runnerID: "r1") }
    #expect(try markUsed("a", for: "r3"))
  }

  @Test func `of many that use it at once one succeeds`() throws {
    try insert("a")
    #expect(try decide(.approve, "a"))
    let path = directory.file("test.db")
    let other = try Storage.Database(path: path) { [clock] in Timestamp(clock.date) }
    DispatchQueue.concurrentPerform(iterations: 20) { number in
      let database = number.isMultiple(of: 2) ? database : other
      do {
        let isUsed = try database.write { transaction in
          let isUsed = try transaction.approvals.markUsed(id: "a", runnerID: "r\(number)")
          if isUsed { _ = try transaction.auditLog.append(AuditEvent(.provision, actor: .init())) }
          return isUsed
        }
        if isUsed { _ = try insert("winner-\(number)") }
      } catch { Issue.record(error) }
    }
    let total = try database.read {
      try $0.approvals.page(organization: "demo-org", status: .pending).total
    }
    #expect(total == 1)
  }

  @Test func `a decision stands`() throws {
    try insert("a")
    #expect(try decide(.deny, "a"))
    #expect(try !decide(.approve, "a"))
    let denied = try #require(try read("a"))
    #expect(denied.status(at: denied.createdAt) == .denied)
    #expect(denied.reason == "because")
    #expect(denied.decidedBy == "admin")
  }

  @Test func `an expired one is neither decided nor used`() throws {
    try insert("a")
    try insert("b")
    #expect(try decide(.approve, "a"))
    clock.advance(by: 86_400)
    #expect(try !markUsed("a", for: "r1"))
    #expect(try !decide(.approve, "b"))
  }

  @Test func `the same request is found while it waits, and no other`() throws {
    try insert("a", try request(["gpu", "x"]))
    func waiting(_ labels: [String], of owner: Principal = .alice) throws -> String? {
      let request = try request(labels)
      return try database.read {
        try $0.approvals.pending(request, of: owner, organization: "demo-org")?.id
      }
    }
    #expect(try waiting(["X", "GPU"]) == "a")
    #expect(try waiting(["gpu"]) == nil)
    #expect(try waiting(["gpu", "x"], of: .bob) == nil)
    clock.advance(by: 86_400)
    #expect(try waiting(["gpu", "x"]) == nil)
  }

  @Test func `those that wait are counted for their owner`() throws {
    for id in ["a", "b", "c"] { try insert(id) }
    try insert("d", of: .bob)
    #expect(try decide(.deny, "b"))
    func count() throws -> Int {
      try database.read { try $0.approvals.countPending(of: .alice, organization: "demo-org") }
    }
    #expect(try count() == 2)
    clock.advance(by: 86_400)
    #expect(try count() == 0)
  }

  @Test func `lists are by status, newest first, page by page`() throws {
    for id in ["old", "approved", "denied", "used"] {
      try insert(id)
      clock.advance(by: 1)
    }
    #expect(try decide(.deny, "denied"))
    #expect(try decide(.approve, "used"))
    #expect(try markUsed("used", for: "r"))
    clock.advance(by: 86_400)
    for id in ["new", "newest"] {
      try insert(id)
      clock.advance(by: 1)
    }
    #expect(try decide(.approve, "new"))
    func ids(_ status: ApprovalStatus?, limit: Int = 100, offset: Int = 0) throws -> [String] {
      try database.read {
        try $0.approvals.page(
          organization: "demo-org", status: status, limit: limit, offset: offset
        ).approvals.map(\.id)
      }
    }
    #expect(try ids(nil) == ["newest", "new", "used", "denied", "approved", "old"])
    #expect(try ids(nil, limit: 2, offset: 1) == ["new", "used"])
    #expect(try ids(.pending) == ["newest"])
    #expect(try ids(.approved) == ["new"])
    #expect(try ids(.expired) == ["approved", "old"])
    #expect(try ids(.denied) == ["denied"])
    #expect(try ids(.used) == ["used"])
  }
}
