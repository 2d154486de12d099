import Foundation
import GRDB
import JOSE
import Migrations
import Runners

/// Which migrations a database has seen.
enum SchemaVersion {
  private struct Applied: FetchableRecord, Decodable {
    let number: Int
    let name: String
    let checksum: String
  }

  /// Throws `wrongSchema` unless exactly our migrations have been applied.
  static func check(_ database: GRDB.Database) throws {
    guard try database.tableExists("schema_migrations") else {
      throw StorageError.wrongSchema(
        "the database has no schema; run `runner-token-service init-db`")
    }
    let applied = try applied(in: database)
    try checkKnown(applied)
    guard applied.count == Migration.all.count else {
      throw StorageError.wrongSchema(
        "the database is at migration \(applied.count) of \(Migration.all.count); "
          + "stop the workers and the maintenance process, and run `runner-token-service init-db`")
    }
  }

  /// The same for somebody who has checked it before, at the price of counting a few rows: a program must not write by rules
  /// that another version has replaced meanwhile.
  static func checkUnchanged(_ database: GRDB.Database) throws {
    let count = try database.cachedStatement(sql: "SELECT count(*) FROM schema_migrations")
    guard try Int.fetchOne(count) != Migration.all.count else { return }
    try check(database)
  }

  /// The migrations that `migrate` would apply.
  static func missing(in database: GRDB.Database) throws -> ArraySlice<Migration> {
    guard try database.tableExists("schema_migrations") else { return Migration.all[...] }
    let applied = try applied(in: database)
    try checkKnown(applied)
    return Migration.all.dropFirst(applied.count)
  }

  /// Applies what is missing, each migration in a transaction of its own.
  static func migrate(_ queue: DatabaseQueue, now: Timestamp) throws -> [String] {
    let missing = try queue.write { database in
      try database.execute(
        sql: """
          CREATE TABLE IF NOT EXISTS schema_migrations (
            number INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            applied_at TEXT NOT NULL
          ) STRICT
          """)
      return try Self.missing(in: database)
    }
    for migration in missing {
      try queue.write { database in
        try database.execute(sql: migration.sql)
        try database.execute(
          sql: """
            INSERT INTO schema_migrations (number, name, checksum, applied_at)
            VALUES (?, ?, ?, ?)
            """,
          arguments: [
            migration.number, migration.name, try migration.checksum(), now.description,
          ])
      }
    }
    return missing.map(\.name)
  }

  private static func applied(in database: GRDB.Database) throws -> [Applied] {
    try Applied.fetchAll(
      database, sql: "SELECT number, name, checksum FROM schema_migrations ORDER BY number")
  }

  private static func checkKnown(_ applied: [Applied]) throws {
    guard applied.count <= Migration.all.count else {
      throw StorageError.wrongSchema(
        "this program is older than its database, which has had the migration \(applied.last?.name ?? ""); "
          + "install the version of it that made this migration, or restore a backup from before")
    }
    for (applied, migration) in zip(applied, Migration.all) {
      guard applied.number == migration.number, applied.checksum == (try migration.checksum())
      else {
        throw StorageError.wrongSchema(
          "migration \(applied.number) (\(applied.name)) is not the one of this program; "
            + "the database belongs to another version")
      }
    }
  }
}

extension Migration {
  /// SHA-256 of its SQL, so that a step that was edited after it had been applied is noticed.
  fileprivate func checksum() throws -> String {
    try Digest.sha256Hex(Array(sql.utf8))
  }
}
