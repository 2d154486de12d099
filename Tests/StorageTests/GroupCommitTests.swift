import Concurrency
import Foundation
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

/// Writers of one process that come while another one writes.
@Suite struct GroupCommitTests {
  private typealias Body =
    @Sendable (Transaction, _ record: (AuditEvent) throws -> Void) throws -> Void
  /// What a thread does, a write of its own included.
  private typealias Call = @Sendable () throws -> Void

  private struct Refused: Error {}

  private let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  private func eventually(_ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() {
      guard ContinuousClock.now < deadline else { return false }
      usleep(200)
    }
    return true
  }

  /// Calls each from a thread of its own: the first writes, the others wait for it in this order; then `go`. Returns what each
  /// was told.
  private func callTogether(
    _ calls: [Call], go: () throws -> Void
  ) throws -> [String?] {
    let told = Locked([Int: String?]())
    let threads = DispatchGroup()
    for (index, call) in calls.enumerated() {
      threads.enter()
      Thread {
        let answer: String?
        do {
          try call()
          answer = nil
        } catch { answer = "\(error)" }
        told.withLock { $0[index] = .some(answer) }
        threads.leave()
      }.start()
      let database = log.database
      try #require(eventually { database.writers == index + 1 })
    }
    try go()
    try #require(threads.wait(timeout: .now() + 60) == .success)
    return try calls.indices.map { index in try #require(told.withLock { $0[index] }) }
  }

  /// The same for writes, of which the first waits inside its transaction.
  private func writeTogether(_ first: @escaping Body, _ others: [Call]) throws -> [String?] {
    let (database, file) = (log.database, log.file)
    let mayGoOn = DispatchSemaphore(value: 0)
    let waiting: Call = {
      try database.write(auditedIn: file) { transaction, record in
        mayGoOn.wait()
        try first(transaction, record)
      }
    }
    return try callTogether([waiting] + others) { mayGoOn.signal() }
  }

  private func write(_ body: @escaping Body) -> Call {
    let (database, file) = (log.database, log.file)
    return { try database.write(auditedIn: file, body) }
  }

  private func writing(_ identity: String) -> Call { write(Self.recording(identity)) }

  private static func recording(_ identity: String) -> Body {
    { _, record in try record(AuditLogFixture.event(by: identity)) }
  }

  private func recorded() throws -> [String?] {
    try log.database.read { try $0.auditLog.records(after: 0, limit: 100) }
      .map { $0[.userIdentity] }
  }

  @Test func `those that come meanwhile share one transaction, in their order`() throws {
    let database = log.database
    let othersSaw = Locked<Int64?>(nil)
    let told = try writeTogether(
      Self.recording("a"),
      [
        writing("b"), writing("c"),
        write { transaction, record in
          // Whoever reads sees nothing of it yet; this one does.
          let seen = try database.read { try $0.auditLog.head().id }
          othersSaw.withLock { $0 = seen }
          #expect(try transaction.auditLog.head().id == 3)
          try record(AuditLogFixture.event(by: "d"))
        },
      ])
    #expect(told == [nil, nil, nil, nil])
    #expect(othersSaw.withLock { $0 } == 0)
    #expect(try recorded() == ["a", "b", "c", "d"])
    #expect(try log.mirrored() == [1, 2, 3, 4])
  }

  @Test func `one that throws is undone alone, and told its own error`() throws {
    let told = try writeTogether(
      Self.recording("a"),
      [
        write { _, record in
          try record(AuditLogFixture.event(by: "b"))
          throw Refused()
        },
        writing("c"),
      ])
    #expect(told == [nil, "Refused()", nil])
    #expect(try recorded() == ["a", "c"])
    #expect(try log.mirrored() == [1, 2])
    #expect(try log.database.verifyAuditLog().rows == 2)
  }

  @Test func `the first that throws does not take the others with it`() throws {
    let told = try writeTogether(
      { _, record in
        try record(AuditLogFixture.event(by: "a"))
        throw Refused()
      }, [writing("b")])
    #expect(told == ["Refused()", nil])
    #expect(try recorded() == ["b"])
  }

  @Test func `what cannot be committed stands for none, and all are told`() throws {
    let told = try writeTogether(
      Self.recording("a"),
      [
        write { transaction, _ in
          // Only the commit looks at it.
          try transaction.database.execute(
            sql: """
              CREATE TEMP TABLE parents (id INTEGER PRIMARY KEY);
              CREATE TEMP TABLE children (
                parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
              INSERT INTO children VALUES (1);
              """)
        },
        write { _, _ in throw Refused() }, writing("c"),
      ])
    for told in told { #expect(told?.contains("FOREIGN KEY") == true) }
    #expect(try recorded() == [])
    #expect(!FileManager.default.fileExists(atPath: log.filePath))
    try log.write(1)
    #expect(try recorded() == ["alice"])
  }

  @Test(arguments: [true, false])
  func `where SQLite gives up the transaction those before are told, and those after have another`(
    saysWhy: Bool
  ) throws {
    let told = try writeTogether(
      Self.recording("a"),
      [
        write { transaction, _ in
          do {
            try transaction.database.execute(
              sql: "INSERT OR ROLLBACK INTO write_probe (id, written_at) VALUES (1, 'x'), (1, 'y')")
          } catch { throw saysWhy ? error : Refused() }
        },
        writing("c"),
      ])
    for told in told.prefix(2) {
      #expect(told?.contains(saysWhy ? "UNIQUE" : "another writer's error") == true)
    }
    #expect(told[2] == nil)
    #expect(try recorded() == ["c"])
  }

  @Test func `where the file lacks a line, only those are told whose it is`() throws {
    let path = log.filePath
    let told = try writeTogether(
      Self.recording("a"),
      [
        write { _, _ in
          // In the place where the lines go.
          try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        }
      ])
    #expect(told[0]?.contains("audit") == true)
    #expect(told[1] == nil)
    #expect(try recorded() == ["a"])
  }

  @Test func `one whose time is over before its turn is told so alone`() throws {
    let (database, deadline) = (log.database, ContinuousClock.now + .milliseconds(300))
    let told = try writeTogether(
      { _, record in
        while ContinuousClock.now < deadline { usleep(1000) }
        try record(AuditLogFixture.event(by: "a"))
      },
      [
        {
          try database.write(until: deadline) {
            _ = try $0.auditLog.append(AuditLogFixture.event())
          }
        },
        writing("c"),
      ])
    #expect(told[0] == nil)
    #expect(told[1]?.contains("the writers before this one") == true)
    #expect(told[2] == nil)
    #expect(try recorded() == ["a", "c"])
  }

  /// Has three wait for another process that writes, the first only for a moment.
  private func waitForAnotherProcess(_ meanwhile: () throws -> Void) throws -> [String?] {
    let lock = open(log.path + ".lock", O_RDWR)
    defer { close(lock) }
    #expect(flock(lock, LOCK_EX) == 0)
    let (database, isOver) = (log.database, Locked(false))
    let impatient: Call = {
      defer { isOver.withLock { $0 = true } }
      _ = try database.write(until: .now + .seconds(2)) { _ in Issue.record("it has no lock") }
    }
    return try callTogether([impatient, writing("b"), writing("c")]) {
      try #require(eventually { isOver.withLock { $0 } })
      try meanwhile()
      #expect(flock(lock, LOCK_UN) == 0)
    }
  }

  @Test func `who waits for another process until its time is over is told so alone`() throws {
    let told = try waitForAnotherProcess {}
    #expect(told[0]?.contains("another process") == true)
    #expect(told[1...] == [nil, nil])
    #expect(try recorded() == ["b", "c"])
  }

  @Test func `where somebody has migrated the database meanwhile each is told so`() throws {
    let told = try waitForAnotherProcess {
      try log.tamper("INSERT INTO schema_migrations VALUES (99, '0099_newer', 'x', '2030-01-01')")
    }
    for told in told[1...] { #expect(told?.contains("newer") == true) }
    #expect(try recorded() == [])
  }

  @Test func `a line that comes after the file was rotated is not written twice`() throws {
    let (database, file, path) = (log.database, log.file, log.filePath)
    try log.write(1)
    let told = try writeTogether(
      Self.recording("a"),
      [
        {
          let added = try database.catchUp(file).records
          #expect(added == 0)
        },
        write { _, _ in try FileManager.default.moveItem(atPath: path, toPath: path + ".1") },
      ])
    #expect(told == [nil, nil, nil])
    #expect(try log.mirrored("audit.jsonl.1") == [1, 2])
    #expect(try log.mirrorFault() == nil)
  }

  @Test func `many threads over two connections leave chain, table and file in agreement`() throws {
    let (file, path, clock) = (log.file, log.path, log.clock)
    let other = try Storage.Database(path: path) { Timestamp(clock.date) }
    let written = Locked(0)
    let threads = DispatchGroup()
    for number in 0..<16 {
      let database = number.isMultiple(of: 2) ? log.database : other
      threads.enter()
      Thread {
        defer { threads.leave() }
        for round in 0..<25 {
          let isRefused = (number + round).isMultiple(of: 3)
          do {
            try database.write(auditedIn: file) { _, record in
              try record(AuditLogFixture.event(by: "\(number)"))
              if isRefused { throw Refused() }
            }
            written.withLock { $0 += 1 }
          } catch { if !(error is Refused) { Issue.record(error) } }
        }
      }.start()
    }
    try #require(threads.wait(timeout: .now() + 120) == .success)
    let count = written.withLock { $0 }
    #expect((250...280).contains(count))
    #expect(try log.database.verifyAuditLog().rows == count)
    #expect(try log.mirrored() == (1...Int64(count)).map(\.self))
  }
}
