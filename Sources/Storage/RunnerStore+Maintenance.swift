import GRDB
public import Runners

/// What maintenance has to look after.
extension RunnerStore {
  /// Every live runner, in the order of their names.
  public func allLive(organization: String) throws -> [Runner] {
    try fetch(
      "WHERE organization = ? AND status <> 'deleted' ORDER BY name COLLATE NOCASE", [organization])
  }

  /// The live runner that GitHub knows by this id.
  public func live(githubRunnerID id: Int64, organization: String) throws -> Runner? {
    try fetch(
      "WHERE organization = ? AND github_runner_id = ? AND status <> 'deleted'", [organization, id]
    ).first
  }

  /// The runners that were deleted at this time or later, in no order.
  public func deleted(since time: Timestamp, organization: String) throws -> [Runner] {
    try fetch(
      "WHERE organization = ? AND status = 'deleted' AND deleted_at >= ?",
      [organization, time.description])
  }

  /// Runners that have been seen, or that a webhook told of, and not been compared with what was granted, longest known
  /// first. Those that are to be removed anyway are not among them.
  public func unverified(organization: String, limit: Int) throws -> [Runner] {
    try fetch(
      """
      WHERE organization = ? AND status <> 'deleted'
        AND (github_runner_id IS NOT NULL OR status <> 'pending')
        AND verified_at IS NULL AND removal_reason IS NULL
      ORDER BY updated_at LIMIT ?
      """, [organization, limit])
  }

  /// Runners that are to be removed at GitHub, longest waiting first; those after `last`, if it is given.
  public func toRemove(
    organization: String, after last: Runner? = nil, limit: Int
  ) throws -> [Runner] {
    try fetch(
      """
      WHERE organization = ? AND status <> 'deleted' AND removal_reason IS NOT NULL
        AND (removal_requested_at, id) > (?, ?)
      ORDER BY removal_requested_at, id LIMIT ?
      """,
      [organization, last?.removal?.requestedAt.description ?? "", last?.id ?? "", limit])
  }

  /// Reservations that ran out before anything was issued for them.
  public func expiredReservations(
    organization: String, now: Timestamp, limit: Int
  ) throws -> [Runner] {
    try fetch(
      """
      WHERE organization = ? AND status = 'pending' AND pending_until < ?
        AND credential_sha256 IS NULL AND removal_reason IS NULL
      ORDER BY pending_until LIMIT ?
      """, [organization, now.description, limit])
  }

  /// Runners that are offline, of which nothing new is known since `time`.
  public func offline(since time: Timestamp, organization: String) throws -> [Runner] {
    try fetch(
      """
      WHERE organization = ? AND status = 'offline' AND updated_at <= ? AND removal_reason IS NULL
      ORDER BY updated_at
      """, [organization, time.description])
  }

  // MARK: - Absence

  /// The ids of live runners that complete lists lack, each with the first sync whose list did.
  public func absentSince(organization: String) throws -> [String: Int64] {
    let rows = try database.rows(
      sql: """
        SELECT id, absent_since_sync FROM runners
        WHERE organization = ? AND status <> 'deleted' AND absent_since_sync IS NOT NULL
        """, arguments: [organization]
    ) { ($0[0] as String, $0[1] as Int64) }
    return Dictionary(rows, uniquingKeysWith: min)
  }

  /// Notes which sync was the first to find a runner absent; nil once it is there again.
  public func noteAbsence(ofRunner id: String, sinceSync sync: Int64?) throws {
    try database.run(
      sql: "UPDATE runners SET absent_since_sync = ? WHERE id = ? AND status <> 'deleted'",
      arguments: [sync, id])
  }
}
