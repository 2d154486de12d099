import Foundation
import GRDB
public import Runners

/// The `label_policies` table.
public struct LabelPolicyStore {
  let database: GRDB.Database
  let now: Timestamp

  /// The policy of the caller with exactly this identity.
  public func policy(of userIdentity: String) throws -> StoredLabelPolicy? {
    try database.row(
      sql: "SELECT * FROM label_policies WHERE user_identity = ?",
      arguments: [userIdentity]
    ).map(StoredLabelPolicy.init(row:))
  }

  /// The revision of that policy, without reading the rest; nil where there is none.
  public func revision(of userIdentity: String) throws -> Int64? {
    try database.value(
      Int64.self, sql: "SELECT revision FROM label_policies WHERE user_identity = ?",
      arguments: [userIdentity])
  }

  /// A page of the policies, in the order of the identities' bytes, and how many there are in all.
  public func page(limit: Int, offset: Int) throws -> (policies: [StoredLabelPolicy], total: Int) {
    let total = try database.value(Int.self, sql: "SELECT count(*) FROM label_policies") ?? 0
    let policies = try database.rows(
      sql: "SELECT * FROM label_policies ORDER BY user_identity LIMIT ? OFFSET ?",
      arguments: [limit, offset], StoredLabelPolicy.init(row:))
    return (policies, total)
  }

  /// The policies of the identities after this one, in the order of the identities' bytes. A walk through all policies that
  /// goes on behind the last identity misses none and shows none twice, whatever others change meanwhile.
  public func policies(after userIdentity: String?, limit: Int) throws -> [StoredLabelPolicy] {
    try database.rows(
      sql: "SELECT * FROM label_policies WHERE user_identity > ? ORDER BY user_identity LIMIT ?",
      arguments: [userIdentity ?? "", limit], StoredLabelPolicy.init(row:))
  }

  /// Creates or replaces an identity's policy, under a revision that it never had before.
  public func save(
    _ policy: LabelPolicy, of userIdentity: String, by admin: String
  ) throws -> StoredLabelPolicy {
    let existing = try self.policy(of: userIdentity)
    let text = LabelPolicyText(policy)
    let stored = StoredLabelPolicy(
      userIdentity: userIdentity, text: text,
      revision: try (existing?.revision ?? lastRevision(of: userIdentity)) + 1,
      createdAt: existing?.createdAt ?? now, updatedAt: now, updatedBy: admin)
    try database.run(
      sql: """
        INSERT OR REPLACE INTO label_policies (
          user_identity, allowed_labels, label_patterns, max_runners, require_approval,
          allowed_runner_groups, require_jit, require_ephemeral, description, revision,
          created_at, updated_at, updated_by)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        userIdentity, try json(text.allowedLabels), try json(text.labelPatterns),
        text.maximumRunners, text.requiresApproval,
        try text.allowedRunnerGroups.map { try json($0.sorted()) }, text.requiresJIT,
        text.requiresEphemeral, text.description, stored.revision,
        stored.createdAt.description, stored.updatedAt.description, admin,
      ])
    return stored
  }

  /// Removes an identity's policy and returns what it was; nil if there is none.
  public func delete(_ userIdentity: String) throws -> StoredLabelPolicy? {
    guard let existing = try policy(of: userIdentity) else { return nil }
    try database.run(
      sql: "INSERT OR REPLACE INTO label_policy_revisions (user_identity, revision) VALUES (?, ?)",
      arguments: [userIdentity, existing.revision])
    try database.run(
      sql: "DELETE FROM label_policies WHERE user_identity = ?", arguments: [userIdentity])
    return existing
  }

  private func lastRevision(of userIdentity: String) throws -> Int64 {
    try database.value(
      Int64.self, sql: "SELECT revision FROM label_policy_revisions WHERE user_identity = ?",
      arguments: [userIdentity]) ?? 0
  }

  private func json(_ value: some Encodable) throws -> String {
    try String(decoding: JSONEncoder().encode(value), as: UTF8.self)
  }
}

extension StoredLabelPolicy {
  /// Throws `databaseUnavailable` for a row that this program cannot have written.
  fileprivate init(row: Row) throws {
    guard let labels = Self.list(row["allowed_labels"], of: String.self),
      let patterns = Self.list(row["label_patterns"], of: String.self),
      let createdAt = Timestamp(row["created_at"]), let updatedAt = Timestamp(row["updated_at"])
    else { throw Self.unreadable }
    let groups: [Int64]?
    if let text: String = row["allowed_runner_groups"] {
      guard let read = Self.list(text, of: Int64.self) else { throw Self.unreadable }
      groups = read
    } else {
      groups = nil
    }
    self.init(
      userIdentity: row["user_identity"],
      text: LabelPolicyText(
        allowedLabels: labels, labelPatterns: patterns, maximumRunners: row["max_runners"],
        requiresApproval: row["require_approval"], allowedRunnerGroups: groups.map(Set.init),
        requiresJIT: row["require_jit"], requiresEphemeral: row["require_ephemeral"],
        description: row["description"]),
      revision: row["revision"], createdAt: createdAt, updatedAt: updatedAt,
      updatedBy: row["updated_by"])
  }

  private static let unreadable = StorageError.databaseUnavailable(
    "a row of the table label_policies cannot be read")

  /// A column's JSON array, or nil.
  private static func list<Element: Decodable>(
    _ text: String, of type: Element.Type
  ) -> [Element]? {
    try? JSONDecoder().decode([Element].self, from: Data(text.utf8))
  }
}
