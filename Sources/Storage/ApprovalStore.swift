import Foundation
import GRDB
public import Runners

/// The `approvals` table.
public struct ApprovalStore {
  let database: GRDB.Database
  let now: Timestamp

  /// The approval with this id, whoever owns it.
  public func approval(id: String, organization: String) throws -> Approval? {
    try fetch("WHERE id = ? AND organization = ?", [id, organization]).first
  }

  /// The owner's approval of exactly this request that still waits for a decision.
  public func pending(
    _ request: ApprovalRequest, of owner: Principal, organization: String
  ) throws -> Approval? {
    try fetch(
      Self.waiting + " AND request = ? LIMIT 1",
      [
        organization, owner.issuer, owner.subject, now.description,
        try StoredApprovalRequest(request).json(),
      ]
    ).first
  }

  /// For how many decisions the owner waits.
  public func countPending(of owner: Principal, organization: String) throws -> Int {
    try database.value(
      Int.self, sql: "SELECT count(*) FROM approvals \(Self.waiting)",
      arguments: [organization, owner.issuer, owner.subject, now.description]) ?? 0
  }

  private static let waiting = """
    WHERE organization = ? AND issuer = ? AND subject = ? AND status = 'pending' AND expires_at > ?
    """

  /// A page of the approvals, newest first, and how many there are in all. `status`: those that stand so now.
  public func page(
    organization: String, status: ApprovalStatus? = nil, limit: Int = 100, offset: Int = 0
  ) throws -> (approvals: [Approval], total: Int) {
    var condition = "WHERE organization = ?"
    var arguments: [any DatabaseValueConvertible] = [organization]
    switch status {
    case nil: break
    case .pending, .approved:
      condition += " AND status = ? AND expires_at > ?"
      arguments += [status?.rawValue, now.description]
    case .expired:
      condition += " AND status IN ('pending', 'approved') AND expires_at <= ?"
      arguments.append(now.description)
    case .denied, .used:
      condition += " AND status = ?"
      arguments.append(status?.rawValue)
    }
    let total = try database.value(
      Int.self, sql: "SELECT count(*) FROM approvals \(condition)",
      arguments: StatementArguments(arguments))
    let approvals = try fetch(
      condition + " ORDER BY created_at DESC, id LIMIT ? OFFSET ?", arguments + [limit, offset])
    return (approvals, total ?? 0)
  }

  /// Stores a request that nobody has decided on.
  public func insert(_ approval: Approval) throws {
    try database.run(
      sql: """
        INSERT INTO approvals (
          id, organization, status, user_identity, issuer, subject, request, policy_revision,
          created_at, expires_at)
        VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        approval.id, approval.organization, approval.owner.identity, approval.owner.issuer,
        approval.owner.subject, try StoredApprovalRequest(approval.requested).json(),
        approval.policyRevision, approval.createdAt.description, approval.expiresAt.description,
      ])
  }

  /// Notes an admin's decision. Returns false if there was one before or the approval has expired. A denial has a reason.
  public func decide(
    _ decision: ApprovalDecision, id: String, by admin: String, reason: String?
  ) throws -> Bool {
    try database.run(
      sql: """
        UPDATE approvals SET status = ?, decided_at = ?, decided_by = ?, reason = ?
        WHERE id = ? AND (status = 'pending' OR status = 'approved' AND ?) AND expires_at > ?
        """,
      arguments: [
        decision.status.rawValue, now.description, admin, reason, id, decision == .deny,
        now.description,
      ])
    return database.changesCount == 1
  }

  /// Uses an approval up for a runner. Returns false if it is not approved, has expired or has been used: then no runner
  /// may come of it.
  public func markUsed(id: String, runnerID: String) throws -> Bool {
    try database.run(
      sql: """
        UPDATE approvals SET status = 'used', runner_id = ?
        WHERE id = ? AND status = 'approved' AND expires_at > ?
        """,
      arguments: [runnerID, id, now.description])
    return database.changesCount == 1
  }

  /// Gives the approval back that was used for a runner of which nothing was handed out, if there is one.
  public func release(runnerID: String) throws {
    try database.run(
      sql: """
        UPDATE approvals SET status = 'approved', runner_id = NULL
        WHERE runner_id = ? AND status = 'used'
        """,
      arguments: [runnerID])
  }

  /// Removes those that expired before a time and on which no runner was provisioned. Returns how many.
  public func removeUnused(expiredBefore time: Timestamp) throws -> Int {
    try database.run(
      sql: "DELETE FROM approvals WHERE expires_at < ? AND status <> 'used'",
      arguments: [time.description])
    return database.changesCount
  }

  private func fetch(
    _ condition: String, _ arguments: [any DatabaseValueConvertible]
  ) throws -> [Approval] {
    try database.rows(
      sql: "SELECT * FROM approvals \(condition)",
      arguments: StatementArguments(arguments), Approval.init(row:))
  }
}

/// The one form in which a request is stored, so that equal requests are equal texts.
private struct StoredApprovalRequest: Codable {
  var name: String?
  var prefix: String?
  let labels: [String]
  let runnerGroupID: Int64
  let ephemeral: Bool
  let disableUpdate: Bool
  let kind: String
  /// Only with a JIT runner.
  var workFolder: String?

  private enum CodingKeys: String, CodingKey {
    case labels, ephemeral
    case name = "runner_name"
    case prefix = "runner_name_prefix"
    case runnerGroupID = "runner_group_id"
    case disableUpdate = "disable_update"
    case kind = "provisioning"
    case workFolder = "work_folder"
  }

  init(_ request: ApprovalRequest) {
    switch request.name {
    case .exactly(let name): self.name = name.description
    case .generated(let prefix): self.prefix = prefix.description
    }
    labels = request.labels.map(\.description)
    runnerGroupID = request.runnerGroupID
    ephemeral = request.ephemeral
    disableUpdate = request.disableUpdate
    kind = request.kind.rawValue
    workFolder = request.workFolder?.description
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// nil for what no request can have been.
  var request: ApprovalRequest? {
    let read = labels.compactMap(Label.init)
    let name =
      self.name.flatMap(RunnerName.init).map(ProvisionRequest.Name.exactly)
      ?? prefix.flatMap(RunnerNamePrefix.init).map(ProvisionRequest.Name.generated)
    let workFolder = self.workFolder.flatMap(WorkFolder.init)
    guard let name, let kind = Provisioning(rawValue: kind), read.count == labels.count,
      (workFolder == nil) == (self.workFolder == nil)
    else { return nil }
    return ApprovalRequest(
      name: name, labels: read, runnerGroupID: runnerGroupID, ephemeral: ephemeral,
      disableUpdate: disableUpdate, kind: kind, workFolder: workFolder)
  }
}

extension Approval {
  /// Throws `databaseUnavailable` for a row that this program cannot have written.
  fileprivate init(row: Row) throws {
    let stored = try? JSONDecoder().decode(
      StoredApprovalRequest.self, from: Data((row["request"] as String).utf8))
    guard let requested = stored?.request, let status = ApprovalStatus(rawValue: row["status"]),
      let createdAt = Timestamp(row["created_at"]), let expiresAt = Timestamp(row["expires_at"])
    else {
      throw StorageError.databaseUnavailable("a row of the table approvals cannot be read")
    }
    self.init(
      id: row["id"], organization: row["organization"],
      owner: Principal(
        issuer: row["issuer"], subject: row["subject"], identity: row["user_identity"],
        isAdmin: false),
      requested: requested, policyRevision: row["policy_revision"], createdAt: createdAt,
      expiresAt: expiresAt, status: status,
      decidedAt: (row["decided_at"] as String?).flatMap(Timestamp.init),
      decidedBy: row["decided_by"], reason: row["reason"], runnerID: row["runner_id"])
  }
}
