import GRDB
import Migrations

/// Something of the schema that protects the audit log, and is not as this program made it.
public struct AuditSchemaChange: Sendable, Equatable, CustomStringConvertible {
  /// What is wrong with it, as seen from what this program makes.
  enum Kind: Sendable {
    case missing, changed, added
  }

  let kind: Kind
  /// `trigger`, `table`, `index`.
  let type: String
  let name: String

  public var description: String {
    switch kind {
    case .missing: "the \(type) \(name) is missing"
    case .changed: "the \(type) \(name) is not what was made"
    case .added: "the \(type) \(name) was added"
    }
  }
}

extension ReadableDatabase {
  /// Compares the tables of the audit log, their indexes, and every trigger of the database with what the migrations make:
  /// a trigger of any table can write to these. Sorted by name; empty where nothing was changed.
  ///
  /// The rows can be whole all the same: then somebody has prepared to change them, or has changed them and hashed them anew.
  public func auditSchemaChanges() throws -> [AuditSchemaChange] {
    let made = try DatabaseQueue().write { database in
      for migration in Migration.all { try database.execute(sql: migration.sql) }
      return try AuditSchema(of: database)
    }
    return try read { try AuditSchema(of: $0.database) }.changes(from: made)
  }
}

private struct AuditSchema {
  private struct Name: Hashable {
    let type: String
    let name: String
  }

  /// By what each defines; nil for an index that SQLite made by itself.
  private var definitions: [Name: String?] = [:]

  init(of database: GRDB.Database) throws {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT type, name, sql FROM sqlite_master
        WHERE type = 'trigger' OR lower(tbl_name) IN ('audit_log', 'audit_anchors', 'audit_mirror')
        """)
    for row in rows { definitions[Name(type: row[0], name: row[1])] = row[2] as String? }
  }

  func changes(from made: AuditSchema) -> [AuditSchemaChange] {
    Set(definitions.keys).union(made.definitions.keys).compactMap { name in
      let kind: AuditSchemaChange.Kind
      switch (definitions[name], made.definitions[name]) {
      case (let found?, let made?) where found == made: return nil
      case (.some, .some): kind = .changed
      case (nil, _): kind = .missing
      case (_, nil): kind = .added
      }
      return AuditSchemaChange(kind: kind, type: name.type, name: name.name)
    }.sorted { ($0.name, $0.type) < ($1.name, $1.type) }
  }
}
