import Foundation
import GRDB
public import Runners

/// What an access review asks of the tables `audit_log` and `runners`.
public struct AccessReviewStore {
  let database: GRDB.Database

  /// What happened from `since` until before `until`, and the runners that are there now.
  public func review(
    organization: String, since: Timestamp, until: Timestamp
  ) throws -> AccessReview {
    let period: StatementArguments = [since.description, until.description]
    return AccessReview(
      organization: organization, since: since, until: until,
      incompleteBefore: try AuditLogStore(database: database, now: until).incompleteBefore(since),
      provisioned: try provisioned(period),
      refused: try failures(period, areFaults: false),
      faults: try failures(period, areFaults: true),
      policyChanges: try policyChanges(period), liveRunners: try liveRunners(organization))
  }

  private func provisioned(_ period: StatementArguments) throws -> [AccessReview.Provisioned] {
    let issued = """
      audit_log WHERE timestamp >= ? AND timestamp < ? AND event_type = 'provision' AND success = 1
      """
    var labels: [String: [String]] = [:]
    let granted = try Row.fetchAll(
      database,
      sql: """
        SELECT DISTINCT coalesce(user_identity, '') AS identity, lower(value) AS label
        FROM (SELECT user_identity, event_data FROM \(issued)), json_each(event_data, '$.labels')
        ORDER BY label
        """, arguments: period)
    for row in granted { labels[row["identity"], default: []].append(row["label"]) }
    return try Row.fetchAll(
      database,
      sql: """
        SELECT coalesce(user_identity, '') AS identity, count(*) AS runners,
          max(timestamp) AS last_at
        FROM \(issued) GROUP BY identity ORDER BY runners DESC, identity
        """, arguments: period
    ).map { row in
      AccessReview.Provisioned(
        identity: row["identity"], runners: row["runners"], lastAt: try time(row["last_at"]),
        labels: labels[row["identity"]] ?? [])
    }
  }

  private func failures(
    _ period: StatementArguments, areFaults: Bool
  ) throws -> [AccessReview.Refused] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT coalesce(error_code, '') AS code, coalesce(user_identity, '') AS identity,
          count(*) AS count
        FROM audit_log
        WHERE timestamp >= ? AND timestamp < ? AND success = 0
          AND event_type IN ('provision_failed', 'admin_denied')
        GROUP BY code, identity ORDER BY count DESC, code, identity
        """, arguments: period
    ).map {
      AccessReview.Refused(errorCode: $0["code"], identity: $0["identity"], count: $0["count"])
    }.filter { AccessReview.faultCodes.contains($0.errorCode) == areFaults }
  }

  private func policyChanges(_ period: StatementArguments) throws -> [AccessReview.PolicyChange] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT timestamp, event_type, event_data ->> '$.policy_user_identity' AS identity,
          coalesce(user_identity, '') AS changed_by
        FROM audit_log
        WHERE timestamp >= ? AND timestamp < ? AND success = 1
          AND event_type IN ('policy_created', 'policy_updated', 'policy_deleted')
        ORDER BY id
        """, arguments: period
    ).map { row in
      guard let kind = AuditEvent.Kind(rawValue: row["event_type"]) else { throw Self.unreadable }
      return AccessReview.PolicyChange(
        at: try time(row["timestamp"]), kind: kind, identity: row["identity"] ?? "",
        changedBy: row["changed_by"])
    }
  }

  private func liveRunners(_ organization: String) throws -> [AccessReview.LiveRunner] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT name, provisioned_by, status, labels, created_at FROM runners
        WHERE organization = ? AND status <> 'deleted' ORDER BY created_at, id
        """, arguments: [organization]
    ).map { row in
      guard let status = RunnerStatus(rawValue: row["status"]) else { throw Self.unreadable }
      return AccessReview.LiveRunner(
        name: row["name"], identity: row["provisioned_by"], status: status,
        labels: try texts(row["labels"]), createdAt: try time(row["created_at"]))
    }
  }

  private func time(_ text: String) throws -> Timestamp {
    guard let time = Timestamp(text) else { throw Self.unreadable }
    return time
  }

  private func texts(_ json: String) throws -> [String] {
    guard let texts = try? JSONDecoder().decode([String].self, from: Data(json.utf8)) else {
      throw Self.unreadable
    }
    return texts
  }

  private static let unreadable = StorageError.databaseUnavailable(
    "a row of the tables audit_log or runners cannot be read")
}
