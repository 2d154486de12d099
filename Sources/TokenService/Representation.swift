public import Runners

/// A runner as the API shows it.
public struct RunnerRepresentation: Encodable {
  let runnerID: String
  let runnerName: String
  let status: String
  let busy: Bool
  let githubRunnerID: Int64?
  let runnerGroupID: Int64
  let labels: [String]
  let ephemeral: Bool
  let provisioning: String
  let provisionedBy: String
  let createdAt: Timestamp
  let updatedAt: Timestamp
  let registeredAt: Timestamp?
  let deletedAt: Timestamp?
  let deletionReason: String?
  /// Since when it is to be removed at GitHub, which has not let it go yet.
  let removalRequestedAt: Timestamp?

  /// As the API shows this runner: without its owner's subject and whatever identifies its credential.
  public init(_ runner: Runner) {
    runnerID = runner.id
    runnerName = runner.name.description
    status = runner.status.rawValue
    busy = runner.busy
    githubRunnerID = runner.githubRunnerID
    runnerGroupID = runner.runnerGroupID
    labels = runner.labels.map(\.description)
    ephemeral = runner.ephemeral
    provisioning = runner.provisioning.rawValue
    provisionedBy = runner.owner.identity
    createdAt = runner.createdAt
    updatedAt = runner.updatedAt
    registeredAt = runner.registeredAt
    deletedAt = runner.deletedAt
    deletionReason = runner.deletionReason?.rawValue
    removalRequestedAt = runner.removal?.requestedAt
  }

  private enum CodingKeys: String, CodingKey {
    case status, busy, labels, ephemeral, provisioning
    case runnerID = "runner_id"
    case runnerName = "runner_name"
    case githubRunnerID = "github_runner_id"
    case runnerGroupID = "runner_group_id"
    case provisionedBy = "provisioned_by"
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case registeredAt = "registered_at"
    case deletedAt = "deleted_at"
    case deletionReason = "deletion_reason"
    case removalRequestedAt = "removal_requested_at"
  }

  /// Members without a value are there, as null, so that a reader sees what a runner can have.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(runnerID, forKey: .runnerID)
    try container.encode(runnerName, forKey: .runnerName)
    try container.encode(status, forKey: .status)
    try container.encode(busy, forKey: .busy)
    try container.encode(githubRunnerID, forKey: .githubRunnerID)
    try container.encode(runnerGroupID, forKey: .runnerGroupID)
    try container.encode(labels, forKey: .labels)
    try container.encode(ephemeral, forKey: .ephemeral)
    try container.encode(provisioning, forKey: .provisioning)
    try container.encode(provisionedBy, forKey: .provisionedBy)
    try container.encode(createdAt, forKey: .createdAt)
    try container.encode(updatedAt, forKey: .updatedAt)
    try container.encode(registeredAt, forKey: .registeredAt)
    try container.encode(deletedAt, forKey: .deletedAt)
    try container.encode(deletionReason, forKey: .deletionReason)
    try container.encode(removalRequestedAt, forKey: .removalRequestedAt)
  }
}
