import Foundation
import GRDB
public import Runners

/// Which records of the audit log to list.
public struct AuditLogFilter: Sendable, Equatable {
  /// nil for all.
  public var kind: AuditEvent.Kind?
  /// Only what this identity did, byte for byte; nil for everybody.
  public var userIdentity: String?
  /// A runner's id, or if no record has it as that, a name.
  public var runner: String?
  /// Recorded at this time or later.
  public var since: Timestamp?
  /// Recorded before this time.
  public var until: Timestamp?
  /// 1 to 1000.
  public var limit: Int
  /// How many of the newest to leave out; 0 or more.
  public var offset: Int

  public init(
    kind: AuditEvent.Kind? = nil, userIdentity: String? = nil, runner: String? = nil,
    since: Timestamp? = nil, until: Timestamp? = nil, limit: Int = 100, offset: Int = 0
  ) {
    self.kind = kind
    self.userIdentity = userIdentity
    self.runner = runner
    self.since = since
    self.until = until
    self.limit = limit
    self.offset = offset
  }
}

extension AuditLogStore {
  /// How far records that match are counted: counting goes through all of them.
  public static let countLimit = 10_000

  /// A page of the records, newest first, and how many there are in all, or `countLimit` where there are more.
  public func page(
    matching filter: AuditLogFilter
  ) throws -> (records: [AuditRecord], total: Int) {
    let (condition, arguments) = try condition(filter)
    let total = try database.value(
      Int.self,
      sql: "SELECT count(*) FROM (SELECT 1 FROM audit_log \(condition) LIMIT \(Self.countLimit))",
      arguments: StatementArguments(arguments))
    // Only the page's rows are read as a whole: an offset then goes through an index and not through the table.
    let statement = try database.makeStatement(
      sql: """
        SELECT \(AuditRecord.selection) FROM audit_log WHERE id IN (
          SELECT id FROM audit_log \(condition) ORDER BY timestamp DESC, id DESC LIMIT ? OFFSET ?)
        ORDER BY timestamp DESC, id DESC
        """)
    let records = try fetch(
      statement, StatementArguments(arguments + [filter.limit, filter.offset]))
    return (records, total ?? 0)
  }

  /// Records before the one with this id, newest first; the filter's offset does not count. Looks at no more rows than
  /// `records` and those between that do not match: a walk goes through the table once.
  public func records(
    matching filter: AuditLogFilter, before id: Int64
  ) throws -> [AuditRecord] {
    let (condition, arguments) = try condition(filter, before: id)
    let statement = try database.makeStatement(
      sql: """
        SELECT \(AuditRecord.selection) FROM audit_log \(condition) ORDER BY id DESC LIMIT ?
        """)
    return try fetch(statement, StatementArguments(arguments + [filter.limit]))
  }

  /// With `before`, in a form that no other index than that of the ids fits.
  private func condition(
    _ filter: AuditLogFilter, before id: Int64? = nil
  ) throws -> (sql: String, arguments: [any DatabaseValueConvertible]) {
    let sign = id == nil ? "" : "+"
    var conditions = Conditions()
    let runnerColumn = try isRunnerID(filter.runner) ? "runner_id" : "runner_name"
    conditions.require("\(sign)event_type = ?", filter.kind?.rawValue)
    conditions.require("\(sign)user_identity = ?", filter.userIdentity)
    conditions.require("\(sign)\(runnerColumn) = ?", filter.runner)
    conditions.require("\(sign)timestamp >= ?", filter.since?.description)
    conditions.require("\(sign)timestamp < ?", filter.until?.description)
    conditions.require("id < ?", id)
    return (conditions.clause, conditions.arguments)
  }

  /// One column or the other: an index serves a page of either, but not of both at once.
  private func isRunnerID(_ text: String?) throws -> Bool {
    guard let text else { return false }
    return try database.value(
      Bool.self, sql: "SELECT 1 FROM audit_log WHERE runner_id = ? LIMIT 1", arguments: [text])
      ?? false
  }
}
