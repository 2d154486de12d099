public import Runners

/// A runner as the API shows it.
public struct RunnerRepresentation {
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

  /// As a JSON object. Members without a value are there, as null, so that a reader sees what a runner can have.
  public func json() throws -> [UInt8] {
    var object = JSONObjectText()
    object.add("busy", busy)
    try object.add("created_at", createdAt.description)
    try object.add("deleted_at", deletedAt?.description)
    try object.add("deletion_reason", deletionReason)
    object.add("ephemeral", ephemeral)
    object.add("github_runner_id", githubRunnerID)
    try object.add("labels", labels)
    try object.add("provisioned_by", provisionedBy)
    try object.add("provisioning", provisioning)
    try object.add("registered_at", registeredAt?.description)
    try object.add("removal_requested_at", removalRequestedAt?.description)
    object.add("runner_group_id", runnerGroupID)
    try object.add("runner_id", runnerID)
    try object.add("runner_name", runnerName)
    try object.add("status", status)
    try object.add("updated_at", updatedAt.description)
    return object.finished()
  }
}
