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

  private struct Refused: Error {}

  private let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  /// Has each of these write from a thread of its own: the first waits until all others wait for it, in this order. Returns
  /// what each was told.
  private func writeTogether(_ bodies: [Body]) -> [Result<Void, any Error>] {
    let (database, file) = (log.database, log.file)
    let results = Locked([Int: Result<Void, any Error>]())
    let threads = DispatchGroup()
    let allWait = DispatchSemaphore(value: 0)
    for (index, body) in bodies.enumerated() {
      let hasBegun = DispatchSemaphore(value: 0)
      threads.enter()
      Thread {
        let result = Result {
          try database.write(auditedIn: file) { transaction, record in
            if index == 0 {
              hasBegun.signal()
              allWait.wait()
            }
            try body(transaction, record)
          }
        }
        results.withLock { $0[index] = result }
        threads.leave()
      }.start()
      if index == 0 { hasBegun.wait() }
      while database.waitingWriters < index { usleep(100) }
    }
    allWait.signal()
    threads.wait()
    return bodies.indices.map { index in
      results.withLock { $0[index] } ?? .failure(CancellationError())
    }
  }

  private static func recording(_ identity: String) -> Body {
    { _, record in try record(AuditLogFixture.event(by: identity)) }
  }

  private func recorded() throws -> [String?] {
    try log.database.read { try $0.auditLog.records(after: 0, limit: 100) }
      .map { $0[.userIdentity] }
  }

  private func lines() throws -> Int {
    try String(contentsOfFile: log.filePath, encoding: .utf8).split(separator: "\n").count
  }

  private func wasTold(_ result: Result<Void, any Error>) -> String? {
    do {
      try result.get()
      return nil
    } catch { return "\(error)" }
  }

  @Test func `those that come meanwhile share one transaction, in their order`() throws {
    let database = log.database
    let othersSaw = Locked<Int?>(nil)
    let results = writeTogether([
      Self.recording("a"), Self.recording("b"), Self.recording("c"),
      { transaction, record in
        // Whoever reads sees nothing of it yet; this one does.
        let seen = try database.read { try $0.auditLog.head().id }
        othersSaw.withLock { $0 = Int(seen) }
        #expect(try transaction.auditLog.head().id == 3)
        try record(AuditLogFixture.event(by: "d"))
      },
    ])
    #expect(results.compactMap(wasTold) == [])
    #expect(othersSaw.withLock { $0 } == 0)
    #expect(try recorded() == ["a", "b", "c", "d"])
    #expect(try lines() == 4)
  }

  @Test func `one that throws is undone alone, and told its own error`() throws {
    let results = writeTogether([
      Self.recording("a"),
      { _, record in
        try record(AuditLogFixture.event(by: "b"))
        throw Refused()
      },
      Self.recording("c"),
    ])
    #expect(results.map(wasTold) == [nil, "Refused()", nil])
    #expect(try recorded() == ["a", "c"])
    #expect(try lines() == 2)
    #expect(try log.database.verifyAuditLog().rows == 2)
  }

  @Test func `the first that throws does not take the others with it`() throws {
    let results = writeTogether([
      { _, record in
        try record(AuditLogFixture.event(by: "a"))
        throw Refused()
      },
      Self.recording("b"),
    ])
    #expect(results.map(wasTold) == ["Refused()", nil])
    #expect(try recorded() == ["b"])
  }

  @Test func `what cannot be committed stands for none, and all are told`() throws {
    let results = writeTogether([
      Self.recording("a"),
      { transaction, _ in
        // Only the commit looks at it.
        try transaction.database.execute(
          sql: """
            CREATE TEMP TABLE parents (id INTEGER PRIMARY KEY);
            CREATE TEMP TABLE children (
              parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO children VALUES (1);
            """)
      },
      { _, _ in throw Refused() },
      Self.recording("c"),
    ])
    for result in results { #expect(wasTold(result)?.contains("FOREIGN KEY") == true) }
    #expect(try recorded() == [])
    #expect(!FileManager.default.fileExists(atPath: log.filePath))
    try log.write(1)
    #expect(try recorded() == ["alice"])
  }

  @Test
  func
    `where SQLite gives up the transaction, those before are told, and those after have another`()
    throws
  {
    let results = writeTogether([
      Self.recording("a"),
      { transaction, _ in
        try transaction.database.execute(
          sql: "INSERT OR ROLLBACK INTO write_probe (id, written_at) VALUES (1, 'x'), (1, 'y')")
      },
      Self.recording("c"),
    ])
    #expect(wasTold(results[0])?.contains("UNIQUE") == true)
    #expect(wasTold(results[1])?.contains("UNIQUE") == true)
    #expect(wasTold(results[2]) == nil)
    #expect(try recorded() == ["c"])
  }

  @Test func `where the file lacks a line, only those are told whose it is`() throws {
    let path = log.filePath
    let results = writeTogether([
      Self.recording("a"),
      { _, _ in
        // In the place where the lines go.
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      },
    ])
    #expect(wasTold(results[0])?.contains("audit") == true)
    #expect(wasTold(results[1]) == nil)
    #expect(try recorded() == ["a"])
  }
}
