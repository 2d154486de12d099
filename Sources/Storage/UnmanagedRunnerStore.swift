import Foundation
import GRDB
public import Runners

/// A runner at GitHub that nobody provisioned here and that has been reported.
public struct UnmanagedRunner: Sendable, Equatable {
  /// GitHub's id, unique in the organization.
  public let githubRunnerID: Int64
  /// As it was when it was first seen.
  public let name: String
}

/// The `unmanaged_runners` table.
public struct UnmanagedRunnerStore {
  let database: GRDB.Database
  let now: Timestamp

  /// Notes a runner. Returns false if it was known.
  public func insert(id: Int64, name: String, organization: String) throws -> Bool {
    try database.run(
      sql: """
        INSERT INTO unmanaged_runners (organization, github_runner_id, name, first_seen_at)
        VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
        """,
      arguments: [organization, id, name, now.description])
    return database.changesCount == 1
  }

  /// GitHub's ids of all of them.
  public func ids(organization: String) throws -> Set<Int64> {
    try Int64.fetchSet(
      database, sql: "SELECT github_runner_id FROM unmanaged_runners WHERE organization = ?",
      arguments: [organization])
  }

  /// Those that were first seen at this time or before, the oldest first.
  public func seen(before time: Timestamp, organization: String) throws -> [UnmanagedRunner] {
    try database.rows(
      sql: """
        SELECT * FROM unmanaged_runners WHERE organization = ? AND first_seen_at <= ?
        ORDER BY first_seen_at, github_runner_id
        """, arguments: [organization, time.description]
    ) { UnmanagedRunner(githubRunnerID: $0["github_runner_id"], name: $0["name"]) }
  }

  /// Forgets a runner that is gone, or is somebody's after all. Returns false if it was not known.
  @discardableResult
  public func remove(id: Int64, organization: String) throws -> Bool {
    try database.run(
      sql: "DELETE FROM unmanaged_runners WHERE organization = ? AND github_runner_id = ?",
      arguments: [organization, id])
    return database.changesCount == 1
  }
}
