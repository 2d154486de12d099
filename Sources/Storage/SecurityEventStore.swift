import Foundation
import GRDB
public import Runners

/// The `security_events` table.
public struct SecurityEventStore {
  let database: GRDB.Database
  let now: Timestamp

  /// Records an event, or counts it where its caller has caused one of the same kind within the same minute: whoever
  /// hammers refusals must not fill the disk.
  public func record(_ event: SecurityEvent) throws {
    let data = event.data.isEmpty ? nil : try AuditJSON.text(event.data)
    try database.run(
      sql: """
        INSERT INTO security_events (
          timestamp, last_seen_at, event_type, severity, user_identity, issuer, oidc_sub,
          request_id, request_ip, runner_id, runner_name, event_data, minute)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (event_type, severity, issuer, oidc_sub, coalesce(runner_id, ''), minute)
        DO UPDATE SET count = count + 1, last_seen_at = excluded.last_seen_at
        """,
      arguments: [
        now.description, now.description, event.kind.rawValue, event.severity.rawValue,
        event.actor.identity, event.actor.issuer, event.actor.subject, event.actor.requestID,
        event.actor.requestIP, event.runnerID, event.runnerName, data,
        String(now.description.prefix(16)),
      ])
  }

  /// A page of the events, newest first, and how many there are in all.
  public func page(
    matching filter: SecurityEventFilter
  ) throws -> (events: [SecurityRecord], total: Int) {
    let (condition, arguments) = Self.condition(filter)
    let total = try database.value(
      Int.self, sql: "SELECT count(*) FROM security_events \(condition)",
      arguments: StatementArguments(arguments))
    let events = try database.rows(
      sql: "SELECT * FROM security_events \(condition) ORDER BY id DESC LIMIT ? OFFSET ?",
      arguments: StatementArguments(arguments + [filter.limit, filter.offset]),
      SecurityRecord.init(row:))
    return (events, total ?? 0)
  }

  /// Events older than the one with this id, newest first; the filter's offset does not count. A walk that goes on behind
  /// the last id takes as long for a late page as for the first.
  public func events(
    matching filter: SecurityEventFilter, before id: Int64?
  ) throws -> [SecurityRecord] {
    let (condition, arguments) = Self.condition(filter, before: id ?? .max)
    return try database.rows(
      sql: "SELECT * FROM security_events \(condition) ORDER BY id DESC LIMIT ?",
      arguments: StatementArguments(arguments + [filter.limit]), SecurityRecord.init(row:))
  }

  private static func condition(
    _ filter: SecurityEventFilter, before id: Int64? = nil
  ) -> (sql: String, arguments: [any DatabaseValueConvertible]) {
    var conditions = Conditions()
    conditions.require("event_type = ?", filter.kind?.rawValue)
    conditions.require("severity = ?", filter.severity?.rawValue)
    conditions.require("user_identity = ?", filter.userIdentity)
    conditions.require("timestamp >= ?", filter.since?.description)
    conditions.require("timestamp < ?", filter.until?.description)
    conditions.require("id < ?", id)
    return (conditions.clause, conditions.arguments)
  }
}

/// Which security events to list.
public struct SecurityEventFilter: Sendable, Equatable {
  /// nil for all.
  public var kind: SecurityEvent.Kind?
  /// Exactly this one; nil for all.
  public var severity: SecurityEvent.Severity?
  /// Only what this identity caused, byte for byte; nil for everybody.
  public var userIdentity: String?
  /// First seen at this time or later.
  public var since: Timestamp?
  /// First seen before this time.
  public var until: Timestamp?
  /// 1 to 1000.
  public var limit: Int
  /// How many of the newest to leave out; 0 or more.
  public var offset: Int

  public init(
    kind: SecurityEvent.Kind? = nil, severity: SecurityEvent.Severity? = nil,
    userIdentity: String? = nil, since: Timestamp? = nil, until: Timestamp? = nil,
    limit: Int = 100, offset: Int = 0
  ) {
    self.kind = kind
    self.severity = severity
    self.userIdentity = userIdentity
    self.since = since
    self.until = until
    self.limit = limit
    self.offset = offset
  }
}

extension SecurityRecord {
  /// Throws `databaseUnavailable` for a row that this program cannot have written.
  fileprivate init(row: Row) throws {
    guard let kind = SecurityEvent.Kind(rawValue: row["event_type"]),
      let severity = SecurityEvent.Severity(rawValue: row["severity"]),
      let firstSeenAt = Timestamp(row["timestamp"]),
      let lastSeenAt = Timestamp(row["last_seen_at"]),
      let data = AuditJSON.values(row["event_data"])
    else {
      throw StorageError.databaseUnavailable(
        "a row of the table security_events cannot be read")
    }
    self.init(
      id: row["id"], firstSeenAt: firstSeenAt, lastSeenAt: lastSeenAt, count: row["count"],
      event: SecurityEvent(
        kind, severity: severity,
        actor: AuditEvent.Actor(
          identity: row["user_identity"], issuer: row["issuer"], subject: row["oidc_sub"],
          requestID: row["request_id"], requestIP: row["request_ip"]),
        runnerID: row["runner_id"], runnerName: row["runner_name"], data: data))
  }
}
