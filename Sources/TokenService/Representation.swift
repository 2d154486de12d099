import Foundation
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
  }
}

/// The answer to a provision request: the only place where a registration token is shown.
struct ProvisionedRunner: Encodable {
  let runnerID: String
  let runnerName: String
  let registrationToken: String
  let expiresAt: Timestamp
  let githubURL: String
  let runnerGroupID: Int64
  let ephemeral: Bool
  let labels: [String]
  let configurationCommand: String

  init(runner: Runner, token: String, expiresAt: Timestamp, githubURL: String) {
    runnerID = runner.id
    runnerName = runner.name.description
    registrationToken = token
    self.expiresAt = expiresAt
    self.githubURL = githubURL
    runnerGroupID = runner.runnerGroupID
    ephemeral = runner.ephemeral
    labels = runner.labels.map(\.description)
    configurationCommand =
      ConfigurationCommand(
        runner: runner, token: token, githubURL: githubURL
      ).text
  }

  private enum CodingKeys: String, CodingKey {
    case ephemeral, labels
    case runnerID = "runner_id"
    case runnerName = "runner_name"
    case registrationToken = "registration_token"
    case expiresAt = "expires_at"
    case githubURL = "github_url"
    case runnerGroupID = "runner_group_id"
    case configurationCommand = "configuration_command"
  }
}

/// The command that registers a runner, for the directory that `actions/runner` was unpacked into.
struct ConfigurationCommand {
  let runner: Runner
  let token: String
  let githubURL: String

  /// The token goes by the environment: other users of the machine see a command's arguments.
  var text: String {
    var words = ["ACTIONS_RUNNER_INPUT_TOKEN=\(quoted(token))", "./config.sh", "--unattended"]
    words += ["--url", quoted(githubURL), "--name", quoted(runner.name.description)]
    if !runner.labels.isEmpty {
      words += ["--labels", quoted(runner.labels.map(\.description).joined(separator: ","))]
    }
    if runner.ephemeral { words.append("--ephemeral") }
    if runner.disableUpdate { words.append("--disableupdate") }
    return words.joined(separator: " ")
  }

  /// Quoted for a POSIX shell, whatever is in it.
  private func quoted(_ text: String) -> String {
    "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}
