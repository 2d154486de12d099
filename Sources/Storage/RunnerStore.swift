import Foundation
import GRDB
public import Runners

/// The `runners` table.
public struct RunnerStore {
  let database: GRDB.Database

  /// The live runner of this name, whoever owns it.
  public func live(named name: RunnerName, organization: String) throws -> Runner? {
    try fetch(
      "WHERE organization = ? AND name = ? COLLATE NOCASE AND status <> 'deleted'",
      [organization, name.description]
    ).first
  }

  /// The runner that GitHub knows by this id, or knew: it gives none twice.
  public func runner(githubRunnerID id: Int64, organization: String) throws -> Runner? {
    try fetch(
      """
      INDEXED BY runners_github_id WHERE organization = ? AND github_runner_id = ?
      ORDER BY created_at DESC LIMIT 1
      """, [organization, id]
    ).first
  }

  /// The runner with this id.
  public func runner(id: String) throws -> Runner? {
    try fetch("WHERE id = ?", [id]).first
  }

  /// How far runners that match are counted: counting goes through all of them.
  public static let countLimit = AuditLogStore.countLimit

  /// A page of an owner's runners, of everybody's where that is nil, newest first, and how many there are in all, or
  /// `countLimit` where there are more.
  public func page(
    of owner: Principal?, organization: String, matching filter: RunnerFilter
  ) throws -> (runners: [Runner], total: Int) {
    let (condition, arguments) = Self.condition(owner, organization, filter)
    let runners = try fetch(
      "INDEXED BY \(Self.index(owner, filter)) \(condition) ORDER BY created_at DESC, id LIMIT ? OFFSET ?",
      arguments + [filter.limit, filter.offset])
    // A page that is not full is the last, and says itself how many there are.
    if runners.count < filter.limit, filter.offset == 0 || !runners.isEmpty {
      return (runners, min(filter.offset + runners.count, Self.countLimit))
    }
    let total = try database.value(
      Int.self,
      sql: """
        SELECT count(*) FROM (
          SELECT 1 FROM runners INDEXED BY \(Self.index(owner, filter, isCounting: true)) \(condition)
          LIMIT \(Self.countLimit))
        """, arguments: StatementArguments(arguments))
    return (runners, total ?? 0)
  }

  /// Everybody's runners behind a given one, newest first; the filter's offset does not count. A walk that goes on behind
  /// the last runner takes as long for a late page as for the first.
  public func runners(
    organization: String, matching filter: RunnerFilter, after last: Runner?
  ) throws -> [Runner] {
    var (condition, arguments) = Self.condition(nil, organization, filter)
    if let last {
      condition += " AND created_at <= ? AND (created_at < ? OR id > ?)"
      arguments += [last.createdAt.description, last.createdAt.description, last.id]
    }
    return try fetch(
      "INDEXED BY \(Self.index(nil, filter)) \(condition) ORDER BY created_at DESC, id LIMIT ?",
      arguments + [filter.limit])
  }

  /// The index that a list goes through, or that counts what is in it. It is named because SQLite does not know how many
  /// rows are whose: to save the sorting, it would go through everybody's history for the few of one owner.
  private static func index(
    _ owner: Principal?, _ filter: RunnerFilter, isCounting: Bool = false
  ) -> String {
    if filter.isOfLive {
      if owner != nil { return "runners_owner_live" }
      // The former has the order, the latter all that is counted by.
      return isCounting ? "runners_owner_live" : "runners_live_created"
    }
    if owner != nil { return "runners_owner" }
    return filter.userIdentity == nil ? "runners_created" : "runners_identity"
  }

  private static func condition(
    _ owner: Principal?, _ organization: String, _ filter: RunnerFilter
  ) -> (sql: String, arguments: [any DatabaseValueConvertible]) {
    var conditions = Conditions()
    conditions.require("organization = ?", organization)
    conditions.require("issuer = ?", owner?.issuer)
    conditions.require("subject = ?", owner?.subject)
    if filter.isOfLive { conditions.require("status <> 'deleted'") }
    conditions.require("provisioned_by = ?", filter.userIdentity)
    conditions.require("status = ?", filter.status?.rawValue)
    conditions.require(
      "EXISTS (SELECT 1 FROM json_each(labels) WHERE value = ? COLLATE NOCASE)",
      filter.label?.description)
    conditions.require("ephemeral = ?", filter.ephemeral)
    return (conditions.clause, conditions.arguments)
  }

  /// How many of an owner's runners count: reservations that have not run out, and whatever was issued. What was issued may
  /// have been used however long ago it expired, so that it counts until a look at GitHub has shown that it was not.
  public func countLive(of owner: Principal, organization: String, now: Timestamp) throws -> Int {
    try database.value(
      Int.self,
      sql: """
        SELECT count(*) FROM runners
        WHERE organization = ? AND issuer = ? AND subject = ? AND status <> 'deleted'
          AND NOT (status = 'pending' AND credential_sha256 IS NULL AND pending_until < ?)
        """,
      arguments: [organization, owner.issuer, owner.subject, now.description]) ?? 0
  }

  /// The same for everybody of an identity, whoever vouched for it. For people; a quota is an owner's.
  public func countLive(
    ofIdentity identity: String, organization: String, now: Timestamp
  ) throws -> Int {
    try database.value(
      Int.self,
      sql: """
        SELECT count(*) FROM runners INDEXED BY runners_owner_live
        WHERE organization = ? AND provisioned_by = ? AND status <> 'deleted'
          AND NOT (status = 'pending' AND credential_sha256 IS NULL AND pending_until < ?)
        """,
      arguments: [organization, identity, now.description]) ?? 0
  }

  /// An owner's runners that GitHub never showed to be there and whose token or JIT config has expired, oldest first: those
  /// of which a look at GitHub may show that they do not count any more.
  public func unseen(
    of owner: Principal, organization: String, now: Timestamp, limit: Int
  ) throws -> [Runner] {
    try fetch(
      """
      INDEXED BY runners_owner_live
      WHERE organization = ? AND issuer = ? AND subject = ? AND status <> 'deleted'
        AND (github_runner_id IS NULL OR status = 'pending')
        AND credential_sha256 IS NOT NULL AND pending_until < ?
      ORDER BY created_at, id LIMIT ?
      """,
      [organization, owner.issuer, owner.subject, now.description, limit])
  }

  /// JIT runners of this name, whoever asked for them, whose provisioning ended without anybody knowing whether GitHub had
  /// made them; newest first.
  public func unaccounted(
    named name: RunnerName, organization: String, since: Timestamp
  ) throws -> [Runner] {
    try fetch(
      """
      WHERE organization = ? AND name = ? COLLATE NOCASE AND provisioning = 'jit'
        AND credential_sha256 IS NULL AND deletion_reason = 'reservation_expired' AND created_at > ?
      ORDER BY created_at DESC
      """,
      [organization, name.description, since.description])
  }

  /// Adds a runner. Throws where a live runner of the organization has the name, in any case (a unique index).
  public func insert(_ runner: Runner) throws {
    let labels = try String(
      decoding: JSONEncoder().encode(runner.labels.map(\.description)), as: UTF8.self)
    try database.run(
      sql: """
        INSERT INTO runners (
          id, organization, name, status, busy, github_runner_id, runner_group_id, labels,
          ephemeral, disable_update, provisioning, provisioned_by, issuer, subject,
          policy_revision, pending_until, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        runner.id, runner.organization, runner.name.description, runner.status.rawValue,
        runner.busy, runner.githubRunnerID, runner.runnerGroupID, labels, runner.ephemeral,
        runner.disableUpdate, runner.provisioning.rawValue, runner.owner.identity,
        runner.owner.issuer, runner.owner.subject, runner.policyRevision,
        runner.pendingUntil.description,
        runner.createdAt.description, runner.updatedAt.description,
      ])
  }

  /// Notes that something was issued for a reservation. Returns false if the reservation is gone, is to be removed, has been
  /// used or has run out, so that its place may be another's: then nothing may leave. `githubRunnerID`: where GitHub has
  /// made the runner already.
  public func issue(
    id: String, credentialSHA256: String, expiresAt: Timestamp, githubRunnerID: Int64? = nil,
    now: Timestamp
  ) throws -> Bool {
    try database.run(
      sql: """
        UPDATE runners SET
          credential_sha256 = ?, pending_until = ?, github_runner_id = ?, updated_at = ?
        WHERE id = ? AND status = 'pending' AND credential_sha256 IS NULL
          AND removal_reason IS NULL AND pending_until >= ?
        """,
      arguments: [
        credentialSHA256, expiresAt.description, githubRunnerID, now.description, id,
        now.description,
      ])
    return database.changesCount == 1
  }

  /// Moves the deadline of a reservation that nobody works on any more: from then on it may be looked into and ended.
  public func abandon(id: String, until deadline: Timestamp) throws {
    try database.run(
      sql: """
        UPDATE runners SET pending_until = ?
        WHERE id = ? AND status = 'pending' AND credential_sha256 IS NULL
        """,
      arguments: [deadline.description, id])
  }

  /// Writes what changes in a runner's life. A row that has been deleted meanwhile stays as it is.
  public func update(_ runner: Runner) throws {
    try database.run(
      sql: """
        UPDATE runners SET
          status = ?, busy = ?, github_runner_id = ?, updated_at = ?, registered_at = ?,
          deleted_at = ?, deletion_reason = ?, verified_at = ?, removal_requested_at = ?,
          removal_reason = ?
        WHERE id = ? AND status <> 'deleted'
        """,
      arguments: [
        runner.status.rawValue, runner.busy, runner.githubRunnerID, runner.updatedAt.description,
        runner.registeredAt?.description, runner.deletedAt?.description,
        runner.deletionReason?.rawValue, runner.verifiedAt?.description,
        runner.removal?.requestedAt.description, runner.removal?.reason.rawValue, runner.id,
      ])
  }

  func fetch(
    _ condition: String, _ arguments: [any DatabaseValueConvertible]
  ) throws -> [Runner] {
    try database.rows(
      sql: "SELECT \(RunnerColumn.list) FROM runners \(condition)",
      arguments: StatementArguments(arguments), Runner.init(row:))
  }
}

/// Which runners to list.
public struct RunnerFilter: Sendable, Equatable {
  /// nil for any.
  public var status: RunnerStatus?
  /// Only those that are not deleted.
  public var isLive: Bool
  /// Only those to which this label was granted, whatever the case; nil for all.
  public var label: Label?
  /// Only those that go after one job, or only those that stay; nil for both.
  public var ephemeral: Bool?
  /// Of their owners.
  public var userIdentity: String?
  /// 1 to 1000.
  public var limit: Int
  /// How many of the newest to leave out; 0 or more.
  public var offset: Int

  /// Whether it leaves out all that are deleted.
  fileprivate var isOfLive: Bool { isLive || status != nil && status != .deleted }

  public init(
    status: RunnerStatus? = nil, isLive: Bool = false, label: Label? = nil,
    ephemeral: Bool? = nil, userIdentity: String? = nil, limit: Int = 100, offset: Int = 0
  ) {
    self.status = status
    self.isLive = isLive
    self.label = label
    self.ephemeral = ephemeral
    self.userIdentity = userIdentity
    self.limit = limit
    self.offset = offset
  }
}
