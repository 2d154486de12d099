public import Runners

/// An approval as the API shows it: to its owner, or with who asked and who decided to an admin.
public struct ApprovalRepresentation: Encodable {
  private let approval: Approval
  private let now: Timestamp
  private let isForAdmin: Bool

  private init(_ approval: Approval, at now: Timestamp, isForAdmin: Bool) {
    self.approval = approval
    self.now = now
    self.isForAdmin = isForAdmin
  }

  /// What its owner sees.
  static func forOwner(_ approval: Approval, at now: Timestamp) -> Self {
    Self(approval, at: now, isForAdmin: false)
  }

  /// What an admin sees.
  public static func forAdmin(_ approval: Approval, at now: Timestamp) -> Self {
    Self(approval, at: now, isForAdmin: true)
  }

  private enum CodingKeys: String, CodingKey {
    case status, request, reason, issuer, subject
    case id = "approval_id"
    case statusURL = "status_url"
    case createdAt = "created_at"
    case expiresAt = "expires_at"
    case decidedAt = "decided_at"
    case runnerID = "runner_id"
    case requestedBy = "requested_by"
    case decidedBy = "decided_by"
    case policyRevision = "policy_revision"
  }

  private enum RequestKeys: String, CodingKey {
    case labels, ephemeral, provisioning
    case name = "runner_name"
    case prefix = "runner_name_prefix"
    case runnerGroupID = "runner_group_id"
    case disableUpdate = "disable_update"
    case workFolder = "work_folder"
  }

  /// Members without a value are there, as null, so that a reader sees what an approval can have.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(approval.id, forKey: .id)
    try container.encode(approval.status(at: now).rawValue, forKey: .status)
    try container.encode(approval.statusURL, forKey: .statusURL)
    try container.encode(approval.createdAt, forKey: .createdAt)
    try container.encode(approval.expiresAt, forKey: .expiresAt)
    try container.encode(approval.decidedAt, forKey: .decidedAt)
    try container.encode(approval.reason, forKey: .reason)
    try container.encode(approval.runnerID, forKey: .runnerID)
    try encodeRequest(to: container.nestedContainer(keyedBy: RequestKeys.self, forKey: .request))
    guard isForAdmin else { return }
    try container.encode(approval.owner.identity, forKey: .requestedBy)
    try container.encode(approval.owner.issuer, forKey: .issuer)
    try container.encode(approval.owner.subject, forKey: .subject)
    try container.encode(approval.decidedBy, forKey: .decidedBy)
    try container.encode(approval.policyRevision, forKey: .policyRevision)
  }

  /// With the names of the provision request, so that it can be compared with what was sent.
  private func encodeRequest(to container: KeyedEncodingContainer<RequestKeys>) throws {
    var container = container
    let request = approval.requested
    switch request.name {
    case .exactly(let name): try container.encode(name.description, forKey: .name)
    case .generated(let prefix): try container.encode(prefix.description, forKey: .prefix)
    }
    try container.encode(request.labels.map(\.description), forKey: .labels)
    try container.encode(request.runnerGroupID, forKey: .runnerGroupID)
    try container.encode(request.ephemeral, forKey: .ephemeral)
    try container.encode(request.disableUpdate, forKey: .disableUpdate)
    try container.encode(request.kind.rawValue, forKey: .provisioning)
    try container.encodeIfPresent(request.workFolder?.description, forKey: .workFolder)
  }
}

/// The answer (202) to a provision request that waits for an admin.
struct PendingApproval: Encodable {
  let approvalID: String
  let status: String
  /// Where to ask what became of it, as a path of this service.
  let statusURL: String
  let expiresAt: Timestamp

  init(_ approval: Approval, at now: Timestamp) {
    approvalID = approval.id
    status = approval.status(at: now).rawValue
    statusURL = approval.statusURL
    expiresAt = approval.expiresAt
  }

  private enum CodingKeys: String, CodingKey {
    case status
    case approvalID = "approval_id"
    case statusURL = "status_url"
    case expiresAt = "expires_at"
  }
}

extension Approval {
  fileprivate var statusURL: String { "/api/v1/approvals/\(id)" }

  /// For the audit log: what was asked for.
  var auditData: [String: AuditEvent.Value] {
    var data: [String: AuditEvent.Value] = [
      "approval_id": .text(id), "requested_by": .text(owner.identity),
      "labels": .texts(requested.labels.map(\.description)),
      "runner_group_id": .number(requested.runnerGroupID),
      "ephemeral": .flag(requested.ephemeral), "disable_update": .flag(requested.disableUpdate),
      "provisioning": .text(requested.kind.rawValue),
      "expires_at": .text(expiresAt.description),
    ]
    data["work_folder"] = requested.workFolder.map { .text($0.description) }
    data["policy_revision"] = policyRevision.map { .number($0) }
    return data
  }

  /// For the audit log: the name, or what it is to begin with.
  public var runnerName: String { requested.name.text }
}
