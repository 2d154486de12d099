import Foundation
import GRDB
import Runners

/// The `audit_log` table, to which rows can only be added.
public struct AuditLogStore {
  let database: GRDB.Database
  let now: Timestamp

  /// Adds a record. It stands once the transaction is committed.
  func append(_ event: AuditEvent) throws -> AuditRecord {
    let head = try head()
    // After rows that somebody has cut off, too: the gap then shows for ever.
    let last = max(head.id, try highestID(), try anchor()?.lastID ?? 0)
    guard last < .max else {
      throw StorageError.databaseUnavailable(
        "the table audit_log has the highest id that there can be, which no record of this service has"
      )
    }
    let id = last + 1
    let record = try AuditRecord(event, at: now, id: id, after: head)
    let statement = try database.cachedStatement(sql: Self.insertion)
    try statement.execute(
      arguments: StatementArguments(
        [record.id, record.previousHash, record.hash] + record.values
          as [(any DatabaseValueConvertible)?]))
    return record
  }

  private static let insertion: String = {
    let columns = ["id", "prev_hash", "hash"] + AuditRecord.Column.allCases.map(\.rawValue)
    let marks = columns.map { $0 == "success" ? "CAST(? AS INTEGER)" : "?" }
    return """
      INSERT INTO audit_log (\(columns.joined(separator: ", ")))
      VALUES (\(marks.joined(separator: ", ")))
      """
  }()

  /// The last row, or where all are archived, the last of those.
  public func head() throws -> AuditHead {
    let last = try database.cachedStatement(
      sql: "SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1")
    if let row = try Row.fetchOne(last) {
      guard let hash = row[1] as String? else { throw AuditFault.unreadable(row[0]) }
      return AuditHead(id: row[0], hash: hash)
    }
    return try anchor()?.head ?? AuditHead(id: 0, hash: AuditChain.beginning)
  }

  /// The highest id that a row ever had.
  func highestID() throws -> Int64 {
    // Anybody can put anything there.
    let statement = try database.cachedStatement(
      sql: "SELECT max(0, CAST(seq AS INTEGER)) FROM sqlite_sequence WHERE name = 'audit_log'")
    return try Int64.fetchOne(statement) ?? 0
  }

  /// nil where there is no row.
  func lowestID() throws -> Int64? {
    try Int64.fetchOne(try database.cachedStatement(sql: "SELECT min(id) FROM audit_log"))
  }

  /// Whether the log was exported or archived after the row with this id.
  public func wasTakenOut(after id: Int64) throws -> Bool {
    // The sign keeps it to the few rows after: an index would go through all of the type.
    try database.value(
      Bool.self,
      sql: "SELECT 1 FROM audit_log WHERE id > ? AND +event_type IN ('export', 'archive') LIMIT 1",
      arguments: [id]) ?? false
  }

  /// The rows after the one with this id, oldest first.
  func records(after id: Int64, before end: Int64 = .max, limit: Int) throws -> [AuditRecord] {
    let statement = try database.cachedStatement(
      sql: """
        SELECT \(AuditRecord.selection) FROM audit_log WHERE id > ? AND id < ? ORDER BY id LIMIT ?
        """)
    return try fetch(statement, [id, end, limit])
  }

  /// The ids there are after `first`, lowest first.
  func ids(after first: Int64, through last: Int64, limit: Int) throws -> [Int64] {
    let statement = try database.cachedStatement(
      sql: "SELECT id FROM audit_log WHERE id > ? AND id <= ? ORDER BY id LIMIT ?")
    return try Int64.fetchAll(statement, arguments: [first, last, limit])
  }

  /// The last record that was not made within the last `seconds`: whoever made it has also had the time to write its line. 0
  /// if there is none. One from the future counts as old: its time says nothing.
  public func lastID(olderThanSeconds seconds: Int) throws -> Int64 {
    try database.value(
      Int64.self,
      sql: "SELECT id FROM audit_log WHERE timestamp NOT BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",
      arguments: [now.adding(seconds: -seconds).description, now.description])
      ?? anchor()?.lastID ?? 0
  }

  /// Where the last restore took the log back to, and the record that says so; nil if the log was never restored.
  func lastRestore() throws -> (record: Int64, backupLastID: Int64)? {
    let statement = try database.cachedStatement(
      sql: """
        SELECT \(AuditRecord.selection) FROM audit_log WHERE event_type = ? ORDER BY timestamp DESC, id DESC LIMIT 1
        """)
    guard let record = try fetch(statement, [AuditEvent.Kind.restore.rawValue]).first,
      case .number(let last)? = AuditJSON.values(record[.eventData])?["backup_last_id"]
    else { return nil }
    return (record.id, last)
  }

  func record(id: Int64) throws -> AuditRecord? {
    let statement = try database.cachedStatement(
      sql: "SELECT \(AuditRecord.selection) FROM audit_log WHERE id = ?")
    return try fetch(statement, [id]).first
  }

  /// The hash of a row; nil where there is no such row.
  func hash(id: Int64) throws -> String? {
    let statement = try database.cachedStatement(sql: "SELECT hash FROM audit_log WHERE id = ?")
    return try String.fetchOne(statement, arguments: [id])
  }

  /// The row that has this hash. Looks at every one.
  func id(hash: String) throws -> Int64? {
    try database.value(
      Int64.self, sql: "SELECT id FROM audit_log WHERE hash = ?", arguments: [hash])
  }

  func fetch(_ statement: Statement, _ arguments: StatementArguments) throws -> [AuditRecord] {
    var records: [AuditRecord] = []
    let rows = try Row.fetchCursor(statement, arguments: arguments)
    while let row = try rows.next() { records.append(try AuditRecord(row: row)) }
    return records
  }
}
