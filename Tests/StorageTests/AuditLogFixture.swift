import Foundation
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

/// A database and an audit log's file of a test's own.
struct AuditLogFixture {
  let directory: TemporaryDirectory
  let clock = FakeClock()
  let database: Storage.Database
  let file: AuditFile

  var path: String { directory.file("test.db") }
  var filePath: String { directory.file("audit.jsonl") }

  init() throws {
    directory = try TemporaryDirectory()
    try Storage.Database.migrate(
      path: directory.file("test.db"), now: Timestamp(milliseconds: 1_800_000_000_000))
    database = try Storage.Database(path: directory.file("test.db")) { [clock] in
      Timestamp(clock.date)
    }
    file = AuditFile(path: directory.file("audit.jsonl"))
  }

  /// Writes so many records, a transaction each.
  func write(_ count: Int, by identity: String = "alice") throws {
    for _ in 0..<count {
      try database.write(auditedIn: file) { _, record in try record(Self.event(by: identity)) }
    }
  }

  /// The same, with nothing in the file: as if the process had been killed in between.
  func writeWithoutFile(_ count: Int) throws {
    for _ in 0..<count { _ = try database.write { try $0.auditLog.append(Self.event()) } }
  }

  static func event(by identity: String = "alice") -> AuditEvent {
    AuditEvent(
      .refresh, actor: .init(identity: identity, userAgent: ""), runnerName: "ci-1",
      data: ["labels": .texts(["gpu"])])
  }

  /// Changes the database as somebody does who has the file and a tool for it, and leaves the triggers as they were.
  func tamper(_ statements: String...) throws {
    try DatabaseQueue(path: path).write { database in
      let triggers = try Row.fetchAll(
        database, sql: "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
      ).map { (name: $0[0] as String, definition: $0[1] as String) }
      for trigger in triggers { try database.execute(sql: "DROP TRIGGER \(trigger.name)") }
      for statement in statements { try database.execute(sql: statement) }
      for trigger in triggers { try database.execute(sql: trigger.definition) }
    }
  }

  /// Makes the table take values of any type, as somebody can who writes SQLite's own tables.
  func loosenTypes() throws {
    try DatabaseQueue(path: path).writeWithoutTransaction { database in
      let definition: String =
        try String.fetchOne(
          database, sql: "SELECT sql FROM sqlite_master WHERE name = 'audit_log'") ?? ""
      let loose = definition.replacing("STRICT", with: "").replacing(" TEXT", with: " BLOB")
        .replacing("success INTEGER", with: "success BLOB").replacing(" NOT NULL", with: "")
        .replacing(/\ CHECK \(.*\)/, with: "")
      try database.execute(
        sql: """
          PRAGMA writable_schema = ON;
          UPDATE sqlite_master SET sql = '\(loose.replacing("'", with: "''"))'
            WHERE name = 'audit_log';
          PRAGMA writable_schema = RESET;
          """)
    }
  }

  /// The same as `tamper` with the triggers in place; throws where they refuse it.
  func tamperUnderTriggers(_ statements: String...) throws {
    try DatabaseQueue(path: path).write { database in
      for statement in statements { try database.execute(sql: statement) }
    }
  }

  /// A row that matches its hash and could continue from any other.
  static func forgedRow(id: Int64, after previousHash: String) throws -> String {
    let record = try AuditRecord(
      event(by: "mallory"), at: Timestamp(milliseconds: 0), id: id,
      after: AuditHead(id: 0, hash: previousHash))
    let values = record.values.map { $0.map { "'\($0)'" } ?? "NULL" }.joined(separator: ", ")
    let columns = AuditRecord.Column.allCases.map(\.rawValue).joined(separator: ", ")
    return """
      INSERT INTO audit_log (id, prev_hash, hash, \(columns))
      VALUES (\(id), '\(previousHash)', '\(record.hash)', \(values))
      """
  }

  func head() throws -> AuditHead { try database.read { try $0.auditLog.head() } }

  /// The fault that verifying finds, or nil.
  func fault(head: String? = nil) throws -> AuditFault? {
    do {
      _ = try database.verifyAuditLog(head: head)
      return nil
    } catch let fault as AuditFault {
      return fault
    }
  }

  func mirrorFault() throws -> AuditFault? {
    do {
      _ = try database.verifyMirror(path: filePath)
      return nil
    } catch let fault as AuditFault {
      return fault
    }
  }

  /// The ids in the file and those that it was rotated to, in the order of the lines, each of which must be a record.
  func mirrored(_ names: String...) throws -> [Int64] {
    try (names + ["audit.jsonl"]).flatMap { name in
      let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.file(name)))
      #expect(bytes.isEmpty || bytes.last == UInt8(ascii: "\n"))
      return try bytes.split(separator: UInt8(ascii: "\n")).map {
        try #require(AuditFileLine(Array($0)[...])).id
      }
    }
  }
}
