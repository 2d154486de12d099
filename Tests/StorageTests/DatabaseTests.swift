import Foundation
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct DatabaseTests {
  let directory: TemporaryDirectory
  let path: String
  let clock = FakeClock()

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("test.db")
  }

  private func migrated() throws -> Storage.Database {
    try Storage.Database.migrate(path: path, now: Timestamp(clock.date))
    return try open()
  }

  private func open() throws -> Storage.Database {
    try Storage.Database(path: path) { [clock] in Timestamp(clock.date) }
  }

  private func runner(
    _ name: String, owner: Principal = .alice, status: RunnerStatus = .pending,
    labels: [String] = ["gpu"]
  ) throws -> Runner {
    let now = Timestamp(clock.date)
    return Runner(
      id: UUID().uuidString.lowercased(), name: try #require(RunnerName(name)),
      organization: "demo-org", status: status, busy: false, githubRunnerID: nil,
      runnerGroupID: 1, labels: labels.compactMap(Label.init), ephemeral: true,
      disableUpdate: false, provisioning: .registrationToken, owner: owner, isIssued: false,
      pendingUntil: now.adding(seconds: 60), createdAt: now, updatedAt: now, registeredAt: nil,
      deletedAt: nil, deletionReason: nil)
  }

  @Test func `migrating twice applies each step once`() throws {
    let now = Timestamp(clock.date)
    #expect(
      try Storage.Database.migrate(path: path, now: now)
        == [
          "0001_runners_and_audit_log", "0002_used_tokens", "0003_label_policies",
          "0004_github_state", "0005_audit_chain", "0006_runner_lists",
        ])
    #expect(try Storage.Database.migrate(path: path, now: now) == [])
  }

  @Test func `the database is for its owner only`() throws {
    _ = try migrated()
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func `a database that was never made is refused in words`() {
    #expect {
      try open()
    } throws: { error in
      guard case StorageError.databaseUnavailable(let reason) = error else { return false }
      return reason.contains("init-db")
    }
  }

  @Test(arguments: [
    "DELETE FROM schema_migrations",
    "UPDATE schema_migrations SET checksum = 'edited'",
    "INSERT INTO schema_migrations VALUES (99, '0099_newer', 'x', '2030-01-01')",
  ])
  func `a schema that is not ours is refused`(change: String) throws {
    _ = try migrated()
    try DatabaseQueue(path: path).write { try $0.execute(sql: change) }
    #expect {
      try open()
    } throws: { error in
      guard case StorageError.wrongSchema = error else { return false }
      return true
    }
  }

  @Test func `commits are durable and nobody checkpoints by itself`() throws {
    let database = try migrated()
    // On the connection that writes, which may differ from those that read.
    func pragma(_ name: String) throws -> String? {
      try database.write { try String.fetchOne($0.database, sql: "PRAGMA \(name)") }
    }
    #expect(try pragma("synchronous") == "2")
    #expect(try pragma("journal_mode") == "wal")
    #expect(try pragma("wal_autocheckpoint") == "0")
    #expect(try pragma("foreign_keys") == "1")
  }

  @Test func `a runner reads back as it was stored`() throws {
    let database = try migrated()
    let stored = try runner("ci-1", labels: ["gpu", "Ubuntu-22.04"])
    try database.write { try $0.runners.insert(stored) }
    let read = try database.read { try $0.runners.runner(id: stored.id) }
    #expect(read == stored)
    #expect(read?.labels.map(\.description) == ["gpu", "Ubuntu-22.04"])
  }

  @Test func `a live name is taken whatever its case, and free once the runner is deleted`() throws
  {
    let database = try migrated()
    var first = try runner("CI-1")
    try database.write { try $0.runners.insert(first) }
    #expect(throws: StorageError.self) {
      try database.write { try $0.runners.insert(runner("ci-1", owner: .bob)) }
    }
    first.delete(for: .requested, at: Timestamp(clock.date))
    try database.write { try $0.runners.update(first) }
    try database.write { try $0.runners.insert(runner("ci-1", owner: .bob)) }
  }

  @Test func `a reservation is issued once`() throws {
    let database = try migrated()
    let reserved = try runner("ci-1")
    let now = Timestamp(clock.date)
    try database.write { try $0.runners.insert(reserved) }
    func issue() throws -> Bool {
      try database.write {
        try $0.runners.issue(
          id: reserved.id, credentialSHA256: "x", expiresAt: now.adding(seconds: 3600), now: now)
      }
    }
    #expect(try issue())
    #expect(try !issue())
  }

  @Test func `a released reservation is not issued`() throws {
    let database = try migrated()
    var reserved = try runner("ci-1")
    let now = Timestamp(clock.date)
    try database.write { try $0.runners.insert(reserved) }
    reserved.delete(for: .reservationExpired, at: now)
    let isIssued = try database.write { transaction in
      try transaction.runners.update(reserved)
      return try transaction.runners.issue(
        id: reserved.id, credentialSHA256: "x", expiresAt: now, now: now)
    }
    #expect(!isIssued)
  }

  @Test func `a reservation that is to be removed is not issued`() throws {
    let database = try migrated()
    var reserved = try runner("ci-1")
    let now = Timestamp(clock.date)
    try database.write { try $0.runners.insert(reserved) }
    reserved.removal = Removal(reason: .requested, requestedAt: now)
    let isIssued = try database.write { transaction in
      try transaction.runners.update(reserved)
      return try transaction.runners.issue(
        id: reserved.id, credentialSHA256: "x", expiresAt: now, now: now)
    }
    #expect(!isIssued)
  }

  @Test func `owners are told apart byte by byte`() throws {
    let database = try migrated()
    let composed = Principal(issuer: "i", subject: "\u{E9}", identity: "a", isAdmin: false)
    let decomposed = Principal(issuer: "i", subject: "e\u{301}", identity: "b", isAdmin: false)
    #expect(composed != decomposed)
    try database.write { try $0.runners.insert(runner("ci-1", owner: composed)) }
    let totals = try database.read { transaction in
      try [composed, decomposed].map {
        try transaction.runners.page(of: $0, organization: "demo-org", matching: RunnerFilter())
          .total
      }
    }
    #expect(totals == [1, 0])
  }

  @Test func `a list is filtered and paged, newest first`() throws {
    let database = try migrated()
    for number in 0..<5 {
      clock.advance(by: 1)
      let labels = number % 2 == 0 ? ["GPU"] : ["cpu"]
      try database.write { try $0.runners.insert(runner("ci-\(number)", labels: labels)) }
    }
    let page = try database.read {
      try $0.runners.page(
        of: .alice, organization: "demo-org",
        matching: RunnerFilter(label: Label("gpu"), limit: 2, offset: 1))
    }
    #expect(page.total == 3)
    #expect(page.runners.map(\.name.description) == ["ci-2", "ci-0"])
  }

  @Test func `reservations that ran out do not count`() throws {
    let database = try migrated()
    try database.write { try $0.runners.insert(runner("ci-1")) }
    func count() throws -> Int {
      try database.read {
        try $0.runners.countLive(of: .alice, organization: "demo-org", now: $0.now)
      }
    }
    #expect(try count() == 1)
    clock.advance(by: 61)
    #expect(try count() == 0)
  }

  @Test(arguments: ["UPDATE audit_log SET user_identity = 'nobody'", "DELETE FROM audit_log"])
  func `audit records cannot be changed or removed`(change: String) throws {
    let database = try migrated()
    _ = try database.write { try $0.auditLog.append(AuditEvent(.refresh, actor: .init())) }
    #expect(throws: StorageError.self) {
      try database.write { try $0.database.execute(sql: change) }
    }
    let count = try database.read {
      try Int.fetchOne($0.database, sql: "SELECT count(*) FROM audit_log")
    }
    #expect(count == 1)
  }

  @Test func `a transaction that throws leaves nothing behind`() throws {
    struct Stop: Error {}
    let database = try migrated()
    #expect(throws: Stop.self) {
      try database.write { transaction in
        try transaction.runners.insert(runner("ci-1"))
        throw Stop()
      }
    }
    let found = try database.read {
      try $0.runners.live(named: #require(RunnerName("ci-1")), organization: "demo-org")
    }
    #expect(found == nil)
  }

  @Test func `two connections that write at once both succeed, each record once`() throws {
    let databases = [try migrated(), try open()]
    DispatchQueue.concurrentPerform(iterations: 200) { number in
      _ = try? databases[number % 2].write {
        try $0.auditLog.append(AuditEvent(.refresh, actor: .init(requestID: "\(number)")))
      }
    }
    let ids = try databases[0].read {
      try String.fetchAll($0.database, sql: "SELECT request_id FROM audit_log")
    }
    #expect(Set(ids).count == 200)
    #expect(ids.count == 200)
  }

  @Test func `a log that has grown is copied back by a writer`() throws {
    let database = try migrated()
    let filler = String(repeating: "x", count: 1 << 20)
    for _ in 0..<20 {
      _ = try database.write {
        try $0.auditLog.append(AuditEvent(.refresh, actor: .init(userAgent: filler)))
      }
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: path + "-wal")
    let size = try #require(attributes[.size] as? Int)
    #expect(size < Checkpoint.threshold)
  }

  @Test func `while one maintains the database nobody else copies its log back`() throws {
    let worker = try migrated()
    func logSize() throws -> Int {
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "-wal")
      return attributes[.size] as? Int ?? 0
    }
    do {
      let maintainer = try open()
      #expect(maintainer.becomeMaintainer())
      #expect(maintainer.becomeMaintainer())
      #expect(!worker.becomeMaintainer())
      let filler = String(repeating: "x", count: 1 << 20)
      for _ in 0..<20 {
        _ = try worker.write {
          try $0.auditLog.append(AuditEvent(.refresh, actor: .init(userAgent: filler)))
        }
      }
      #expect(try logSize() > Checkpoint.threshold)
      try maintainer.checkpointIfDue()
      #expect(try logSize() == 0)
    }
    // It is gone, and the next may take its place.
    #expect(worker.becomeMaintainer())
  }

  @Test(arguments: [(mebibytes: 2, isEmptied: false), (20, true)])
  func `readers are waited for where the log is large, and left alone where it is small`(
    mebibytes: Int, isEmptied: Bool
  ) throws {
    let worker = try migrated()
    let maintainer = try open()
    #expect(maintainer.becomeMaintainer())
    let filler = String(repeating: "x", count: 1 << 20)
    for _ in 0..<mebibytes {
      _ = try worker.write {
        try $0.auditLog.append(AuditEvent(.refresh, actor: .init(userAgent: filler)))
      }
    }
    let hasBegun = DispatchSemaphore(value: 0)
    let mayEnd = DispatchSemaphore(value: 0)
    let hasEnded = DispatchSemaphore(value: 0)
    Thread {
      try? worker.read { transaction in
        _ = try? transaction.auditLog.head()
        hasBegun.signal()
        // Where it is waited for it ends by itself, as readers do.
        _ = mayEnd.wait(timeout: .now() + (isEmptied ? 0.2 : 60))
      }
      hasEnded.signal()
    }.start()
    hasBegun.wait()
    try maintainer.checkpointIfDue()
    mayEnd.signal()
    hasEnded.wait()
    let attributes = try FileManager.default.attributesOfItem(atPath: path + "-wal")
    #expect((attributes[.size] as? Int == 0) == isEmptied)
  }
}

extension Principal {
  static let alice = Principal(issuer: "i", subject: "alice", identity: "alice", isAdmin: false)
  static let bob = Principal(issuer: "i", subject: "bob", identity: "bob", isAdmin: false)
}
