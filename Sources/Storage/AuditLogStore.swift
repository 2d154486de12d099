import Foundation
import GRDB
public import Runners

/// The `audit_log` table, to which rows can only be added.
public struct AuditLogStore {
  let database: GRDB.Database
  let now: Timestamp

  /// Adds a record. It stands once the transaction is committed.
  public func append(_ event: AuditEvent) throws -> AuditRecord {
    let data = event.data.isEmpty ? nil : try AuditJSON.text(event.data)
    try database.execute(
      sql: """
        INSERT INTO audit_log (
          timestamp, event_type, success, error_code, error_message, user_identity, issuer,
          oidc_sub, request_id, request_ip, user_agent, runner_id, runner_name, event_data)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        now.description, event.kind.rawValue, event.success, event.errorCode, event.errorMessage,
        event.actor.identity, event.actor.issuer, event.actor.subject, event.actor.requestID,
        event.actor.requestIP, event.actor.userAgent, event.runnerID, event.runnerName, data,
      ])
    return AuditRecord(id: database.lastInsertedRowID, timestamp: now, event: event)
  }
}
