import GRDB
import Runners
import StrictJSON

/// What is read of a runner's row. By its place: to look a column up by its name for each row takes as long as to find the row.
enum RunnerColumn: Int {
  case id, organization, name, status, busy, githubRunnerID, runnerGroupID, labels, ephemeral,
    disableUpdate, provisioning, provisionedBy, issuer, subject, policyRevision, isIssued,
    pendingUntil, createdAt, updatedAt, registeredAt, deletedAt, deletionReason, verifiedAt,
    removalRequestedAt, removalReason

  /// In the order of the cases.
  static let list = """
    id, organization, name, status, busy, github_runner_id, runner_group_id, labels, ephemeral,
    disable_update, provisioning, provisioned_by, issuer, subject, policy_revision,
    credential_sha256 IS NOT NULL, pending_until, created_at, updated_at, registered_at,
    deleted_at, deletion_reason, verified_at, removal_requested_at, removal_reason
    """
}

private struct RunnerRow {
  let row: Row

  subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: RunnerColumn
  ) -> Value { row[column.rawValue] }

  /// nil for NULL.
  func optional<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: RunnerColumn
  ) -> Value? { row[column.rawValue] }
}

extension Runner {
  /// Columns as `RunnerColumn.list` has them. Throws `databaseUnavailable` for a row that this program cannot have written.
  init(row: Row) throws {
    let row = RunnerRow(row: row)
    guard let name = RunnerName(row[.name]), let status = RunnerStatus(rawValue: row[.status]),
      let provisioning = Provisioning(rawValue: row[.provisioning]),
      let pendingUntil = Timestamp(row[.pendingUntil]),
      let createdAt = Timestamp(row[.createdAt]), let updatedAt = Timestamp(row[.updatedAt]),
      let labels = try? JSONValue(parsing: Array((row[.labels] as String).utf8)).strings
    else {
      throw StorageError.databaseUnavailable("a row of the table runners cannot be read")
    }
    let deletionReason: String? = row.optional(.deletionReason)
    let removalReason: String? = row.optional(.removalReason)
    let removalRequestedAt: String? = row.optional(.removalRequestedAt)
    self.init(
      id: row[.id], name: name, organization: row[.organization], status: status,
      busy: row[.busy], githubRunnerID: row.optional(.githubRunnerID),
      runnerGroupID: row[.runnerGroupID], labels: labels.compactMap(Label.init),
      ephemeral: row[.ephemeral], disableUpdate: row[.disableUpdate],
      provisioning: provisioning,
      owner: Principal(
        issuer: row[.issuer], subject: row[.subject], identity: row[.provisionedBy],
        isAdmin: false),
      policyRevision: row.optional(.policyRevision), isIssued: row[.isIssued],
      pendingUntil: pendingUntil,
      createdAt: createdAt, updatedAt: updatedAt,
      registeredAt: row.optional(.registeredAt).flatMap(Timestamp.init),
      deletedAt: row.optional(.deletedAt).flatMap(Timestamp.init),
      deletionReason: deletionReason.flatMap(DeletionReason.init),
      verifiedAt: row.optional(.verifiedAt).flatMap(Timestamp.init),
      removal: removalReason.flatMap(DeletionReason.init).flatMap { reason in
        removalRequestedAt.flatMap(Timestamp.init).map {
          Removal(reason: reason, requestedAt: $0)
        }
      })
  }
}
