import Foundation
import GRDB
import Migrations
import Runners
import TestSupport
import Testing

@testable import Storage

/// Databases as earlier versions of this program have left them on servers: Schemas/v1.sql and on, one for each migration,
/// as they were when that was the last one. They are never made anew.
@Suite struct SchemaTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "Schemas")

  private let directory: TemporaryDirectory
  private let path: String
  private let now: Timestamp

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("test.db")
    now = try #require(Timestamp("2026-02-01T00:00:00Z"))
  }

  /// Makes the database of a version.
  private func make(_ version: Int, at path: String) throws {
    let dump = try String(
      contentsOf: Self.folder.appending(path: "v\(version).sql"), encoding: .utf8)
    let queue = try DatabaseQueue(path: path)
    try queue.writeWithoutTransaction { try $0.execute(sql: dump) }
    try queue.close()
  }

  /// Everything that makes up a schema, in one order.
  private func schema(of path: String) throws -> [String] {
    try DatabaseQueue(path: path).read {
      try String.fetchAll(
        $0,
        sql: """
          SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '')
          FROM sqlite_master WHERE name <> 'sqlite_sequence' ORDER BY 1
          """
      ).map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    }
  }

  /// How many rows each table has.
  private func counts(_ path: String) throws -> [String: Int] {
    try DatabaseQueue(path: path).read { database in
      let tables = try String.fetchAll(
        database,
        sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      return try Dictionary(
        uniqueKeysWithValues: tables.map { table in
          (table, try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? -1)
        })
    }
  }

  @Test func `there is a database of every version`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    // A migration without one: make.py makes it.
    #expect(
      Set(files.filter { $0.hasSuffix(".sql") }) == Set(Migration.all.map { "v\($0.number).sql" }))
    for migration in Migration.all {
      let dump = try String(
        contentsOf: Self.folder.appending(path: "v\(migration.number).sql"), encoding: .utf8)
      #expect(dump.contains("'\(migration.name)'"))
    }
  }

  @Test(arguments: Migration.all.map(\.number))
  func `a database of every version has rows in every table and comes to the present with them`(
    version: Int
  ) throws {
    try make(version, at: path)
    let before = try counts(path)
    #expect(before.filter { $0.value == 0 }.isEmpty)
    #expect(before["schema_migrations"] == version)

    // Refused before it is migrated, unless it is of the present.
    if version < Migration.all.count {
      #expect {
        _ = try Storage.Database(path: path) { now }
      } throws: { error in
        guard case StorageError.wrongSchema(let reason) = error else { return false }
        return reason.contains("at migration \(version) of \(Migration.all.count)")
          && reason.contains("init-db")
      }
    }
    // This also compares the checksums: it fails where the text of a migration that was applied has changed.
    let applied = try Storage.Database.migrate(path: path, now: now)
    #expect(applied == Migration.all.dropFirst(version).map(\.name))

    let fresh = directory.file("fresh.db")
    try Storage.Database.migrate(path: fresh, now: now)
    #expect(try schema(of: path) == schema(of: fresh))
    let after = try counts(path)
    for (table, count) in before where table != "schema_migrations" {
      #expect(after[table] == count, "\(table)")
    }

    let database = try Storage.Database(path: path) { now }
    let log = try database.verifyAuditLog()
    #expect(log.head.id == (version < 5 ? 3 : 4))
    try database.read { transaction in
      let name = try #require(RunnerName("ci-1"))
      let runner = try #require(
        try transaction.runners.live(named: name, organization: "demo-org"))
      #expect(runner.labels.map(\.description) == ["gpu", "ubuntu-22.04"])
      #expect(runner.busy && runner.githubRunnerID == 23)
      let policy = try transaction.labelPolicies.policy(of: "alice@example.com")
      #expect(policy?.revision == (version < 3 ? nil : 2))
    }
    // It takes new rows.
    _ = try database.write { try $0.auditLog.append(AuditEvent(.sync, actor: .init())) }
    #expect(try database.verifyAuditLog().head.id == log.head.id + 1)
  }

  @Test func `a migration that was edited after it had been applied is noticed`() throws {
    try make(1, at: path)
    try DatabaseQueue(path: path).write {
      try $0.execute(sql: "UPDATE schema_migrations SET checksum = replace(checksum, '2', '3')")
    }
    #expect {
      try Storage.Database.migrate(path: path, now: now)
    } throws: { error in
      guard case StorageError.wrongSchema(let reason) = error else { return false }
      return reason.contains("0001_runners_and_audit_log")
    }
  }

  @Test func `a database of a newer version is refused with what to install`() throws {
    try make(Migration.all.count, at: path)
    try DatabaseQueue(path: path).write {
      try $0.execute(
        sql: "INSERT INTO schema_migrations VALUES (99, '0099_newer', 'x', '2030-01-01')")
    }
    for attempt in [
      { _ = try Storage.Database(path: path) { now } },
      { try Storage.Database.migrate(path: path, now: now) },
    ] as [() throws -> Void] {
      #expect {
        try attempt()
      } throws: { error in
        guard case StorageError.wrongSchema(let reason) = error else { return false }
        return reason.contains("this program is older than its database")
          && reason.contains("0099_newer")
      }
    }
  }

  @Test func `who has the database open writes nothing once another version has migrated it`()
    throws
  {
    try Storage.Database.migrate(path: path, now: now)
    let worker = try Storage.Database(path: path) { now }
    try worker.checkWritable()
    try DatabaseQueue(path: path).write {
      try $0.execute(
        sql: """
          ALTER TABLE runners ADD COLUMN newer TEXT;
          INSERT INTO schema_migrations VALUES (99, '0099_newer', 'x', '2030-01-01');
          """)
    }
    let head = try worker.read { try $0.auditLog.head() }
    for attempt in [
      { try worker.checkWritable() }, { try worker.checkSchema() },
      { _ = try worker.write { try $0.auditLog.append(AuditEvent(.sync, actor: .init())) } },
    ] as [() throws -> Void] {
      #expect {
        try attempt()
      } throws: { error in
        guard case StorageError.wrongSchema(let reason) = error else { return false }
        return reason.contains("0099_newer")
      }
    }
    #expect(try worker.read { try $0.auditLog.head() } == head)
  }
}
