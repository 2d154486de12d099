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

  /// The runner with this id.
  public func runner(id: String) throws -> Runner? {
    try fetch("WHERE id = ?", [id]).first
  }

  /// A page of an owner's runners, of everybody's where that is nil, newest first, and how many there are in all.
  public func page(
    of owner: Principal?, organization: String, matching filter: RunnerFilter
  ) throws -> (runners: [Runner], total: Int) {
    var condition = "WHERE organization = ?"
    var arguments: [any DatabaseValueConvertible] = [organization]
    if let owner {
      condition += " AND issuer = ? AND subject = ?"
      arguments += [owner.issuer, owner.subject]
    }
    if let userIdentity = filter.userIdentity {
      condition += " AND provisioned_by = ?"
      arguments.append(userIdentity)
    }
    if let status = filter.status {
      condition += " AND status = ?"
      arguments.append(status.rawValue)
    }
    if let label = filter.label {
      condition +=
        " AND EXISTS (SELECT 1 FROM json_each(labels) WHERE value = ? COLLATE NOCASE)"
      arguments.append(label.description)
    }
    if let ephemeral = filter.ephemeral {
      condition += " AND ephemeral = ?"
      arguments.append(ephemeral)
    }
    let total = try Int.fetchOne(
      database, sql: "SELECT count(*) FROM runners \(condition)",
      arguments: StatementArguments(arguments))
    let runners = try fetch(
      condition + " ORDER BY created_at DESC, id LIMIT ? OFFSET ?",
      arguments + [filter.limit, filter.offset])
    return (runners, total ?? 0)
  }

  /// How many of an owner's runners count: live ones, and reservations that have not run out.
  public func countLive(of owner: Principal, organization: String, now: Timestamp) throws -> Int {
    try Int.fetchOne(
      database,
      sql: """
        SELECT count(*) FROM runners
        WHERE organization = ? AND issuer = ? AND subject = ? AND status <> 'deleted'
          AND NOT (status = 'pending' AND pending_until < ?)
        """,
      arguments: [organization, owner.issuer, owner.subject, now.description]) ?? 0
  }

  /// The same for everybody of an identity, whoever vouched for it. For people; a quota is an owner's.
  public func countLive(
    ofIdentity identity: String, organization: String, now: Timestamp
  ) throws -> Int {
    try Int.fetchOne(
      database,
      sql: """
        SELECT count(*) FROM runners
        WHERE organization = ? AND provisioned_by = ? AND status <> 'deleted'
          AND NOT (status = 'pending' AND pending_until < ?)
        """,
      arguments: [organization, identity, now.description]) ?? 0
  }

  public func insert(_ runner: Runner) throws {
    let labels = try String(
      decoding: JSONEncoder().encode(runner.labels.map(\.description)), as: UTF8.self)
    try database.execute(
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

  /// Notes that something was issued for a reservation. Returns false if the reservation is gone, has been used or has
  /// run out, so that its place may be another's: then nothing may leave.
  public func issue(
    id: String, credentialSHA256: String, expiresAt: Timestamp, now: Timestamp
  ) throws -> Bool {
    try database.execute(
      sql: """
        UPDATE runners SET credential_sha256 = ?, pending_until = ?, updated_at = ?
        WHERE id = ? AND status = 'pending' AND credential_sha256 IS NULL AND pending_until >= ?
        """,
      arguments: [
        credentialSHA256, expiresAt.description, now.description, id, now.description,
      ])
    return database.changesCount == 1
  }

  /// Writes what changes in a runner's life. A row that has been deleted meanwhile stays as it is.
  public func update(_ runner: Runner) throws {
    try database.execute(
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
    try Row.fetchAll(
      database, sql: "SELECT * FROM runners \(condition)",
      arguments: StatementArguments(arguments)
    ).map(Runner.init(row:))
  }
}

/// Which runners to list.
public struct RunnerFilter: Sendable, Equatable {
  public var status: RunnerStatus?
  public var label: Label?
  public var ephemeral: Bool?
  /// Of their owners.
  public var userIdentity: String?
  /// 1 to 1000.
  public var limit: Int
  public var offset: Int

  public init(
    status: RunnerStatus? = nil, label: Label? = nil, ephemeral: Bool? = nil,
    userIdentity: String? = nil, limit: Int = 100, offset: Int = 0
  ) {
    self.status = status
    self.label = label
    self.ephemeral = ephemeral
    self.userIdentity = userIdentity
    self.limit = limit
    self.offset = offset
  }
}

extension Runner {
  /// Throws `databaseUnavailable` for a row that this program cannot have written.
  fileprivate init(row: Row) throws {
    guard let name = RunnerName(row["name"]), let status = RunnerStatus(rawValue: row["status"]),
      let provisioning = Provisioning(rawValue: row["provisioning"]),
      let pendingUntil = Timestamp(row["pending_until"]),
      let createdAt = Timestamp(row["created_at"]), let updatedAt = Timestamp(row["updated_at"]),
      let labels = try? JSONDecoder().decode(
        [String].self, from: Data((row["labels"] as String).utf8))
    else {
      throw StorageError.databaseUnavailable("a row of the table runners cannot be read")
    }
    let deletionReason: String? = row["deletion_reason"]
    let removalReason: String? = row["removal_reason"]
    let removalRequestedAt: String? = row["removal_requested_at"]
    self.init(
      id: row["id"], name: name, organization: row["organization"], status: status,
      busy: row["busy"], githubRunnerID: row["github_runner_id"],
      runnerGroupID: row["runner_group_id"], labels: labels.compactMap(Label.init),
      ephemeral: row["ephemeral"], disableUpdate: row["disable_update"],
      provisioning: provisioning,
      owner: Principal(
        issuer: row["issuer"], subject: row["subject"], identity: row["provisioned_by"],
        isAdmin: false),
      policyRevision: row["policy_revision"], isIssued: row["credential_sha256"] != nil,
      pendingUntil: pendingUntil,
      createdAt: createdAt, updatedAt: updatedAt,
      registeredAt: (row["registered_at"] as String?).flatMap(Timestamp.init),
      deletedAt: (row["deleted_at"] as String?).flatMap(Timestamp.init),
      deletionReason: deletionReason.flatMap(DeletionReason.init),
      verifiedAt: (row["verified_at"] as String?).flatMap(Timestamp.init),
      removal: removalReason.flatMap(DeletionReason.init).flatMap { reason in
        removalRequestedAt.flatMap(Timestamp.init).map {
          Removal(reason: reason, requestedAt: $0)
        }
      })
  }
}
