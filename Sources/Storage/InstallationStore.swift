import GRDB
public import Runners

/// The `github_installation` table.
public struct InstallationStore {
  let database: GRDB.Database
  let now: Timestamp

  /// What is known about an installation; of one that nothing is known about, that it is active.
  public func installation(id: Int64) throws -> Installation {
    let row = try database.row(
      sql: "SELECT * FROM github_installation WHERE installation_id = ?", arguments: [id])
    guard let row else { return Installation() }
    guard let state = Installation.State(rawValue: row["state"]) else {
      throw StorageError.databaseUnavailable(
        "a row of the table github_installation cannot be read")
    }
    var budget: RateLimitBudget?
    if let limit: Int = row["rate_limit"], let remaining: Int = row["rate_remaining"],
      let resetAt = (row["rate_reset_at"] as String?).flatMap(Timestamp.init)
    {
      budget = RateLimitBudget(limit: limit, remaining: remaining, resetAt: resetAt)
    }
    return Installation(
      state: state, stateChangedAt: (row["state_changed_at"] as String?).flatMap(Timestamp.init),
      budget: budget, lastSync: row["last_sync"],
      lastSyncAt: (row["last_sync_at"] as String?).flatMap(Timestamp.init),
      lastSyncRunners: row["last_sync_runners"])
  }

  /// Notes the installation's state. Returns whether it is another than before.
  public func setState(_ state: Installation.State, ofInstallation id: Int64) throws -> Bool {
    guard try installation(id: id).state != state else { return false }
    try update(id, "state = ?, state_changed_at = ?", [state.rawValue, now.description])
    return true
  }

  /// Takes in what GitHub said about the rate limit. Answers may arrive in another order than they were given.
  public func record(_ budget: RateLimitBudget, ofInstallation id: Int64) throws {
    let known = try installation(id: id).budget
    let merged = known?.merged(with: budget) ?? budget
    guard merged != known else { return }
    try update(
      id, "rate_limit = ?, rate_remaining = ?, rate_reset_at = ?",
      [merged.limit, merged.remaining, merged.resetAt.description])
  }

  /// Notes that a sync is complete. Returns its number.
  public func completeSync(ofInstallation id: Int64, runners: Int) throws -> Int64 {
    try update(
      id, "last_sync = last_sync + 1, last_sync_at = ?, last_sync_runners = ?",
      [now.description, runners])
    return try installation(id: id).lastSync
  }

  private func update(
    _ id: Int64, _ changes: String, _ arguments: [any DatabaseValueConvertible]
  ) throws {
    try database.run(
      sql: "INSERT INTO github_installation (installation_id) VALUES (?) ON CONFLICT DO NOTHING",
      arguments: [id])
    try database.run(
      sql: "UPDATE github_installation SET \(changes) WHERE installation_id = ?",
      arguments: StatementArguments(arguments + [id]))
  }
}
