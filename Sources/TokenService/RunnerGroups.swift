import FastCGI
import GitHub
import Runners

extension Service {
  /// GET /api/v1/runner-groups: those of the organization, as GitHub has them.
  func listRunnerGroups(_ admin: Administrator, _ context: RequestContext) throws -> Response {
    let groups = try knownRunnerGroups(context)
    return try JSONBody.response(
      RunnerGroupList(
        runnerGroups: groups.map(RunnerGroupRepresentation.init), total: groups.count))
  }

  private func knownRunnerGroups(_ context: RequestContext) throws -> [RunnerGroup] {
    let github = github.limited(until: context.deadline)
    return try runnerGroups.value { () throws(GitHubError) in try github.runnerGroups() }
  }

  /// What `config.sh` calls the group of a request that the policy allows; nil for the group that it takes by itself.
  /// Throws `validation` for a group that GitHub does not have. Asks GitHub only where another than the usual group is
  /// meant.
  func runnerGroupName(
    for wanted: ProvisionRequest, _ kind: Provisioning, _ context: RequestContext
  ) throws -> String? {
    let defaultID = settings.defaultRunnerGroupID
    let id = wanted.runnerGroupID ?? defaultID
    // GitHub's own default group usually has the id 1. Where the service has another, config.sh has to be told.
    guard id != defaultID || kind == .registrationToken && defaultID != 1 else { return nil }
    let group = try knownRunnerGroups(context).first { $0.id == id }
    if let group { return group.isDefault ? nil : group.name }
    guard id == defaultID else { throw ServiceError.unknownRunnerGroup }
    throw ServiceError.githubError(
      detail:
        "GitHub does not have this service's default runner group; ask an administrator, or send a runner_group_id."
    )
  }
}

extension ServiceError {
  static let unknownRunnerGroup = ServiceError.validation([
    FieldError("runner_group_id", "must be a runner group that GitHub has in this organization")
  ])
}

private struct RunnerGroupList: Encodable {
  let runnerGroups: [RunnerGroupRepresentation]
  let total: Int

  enum CodingKeys: String, CodingKey {
    case total
    case runnerGroups = "runner_groups"
  }
}

private struct RunnerGroupRepresentation: Encodable {
  let id: Int64
  let name: String
  let isDefault: Bool
  let visibility: String

  enum CodingKeys: String, CodingKey {
    case id, name, visibility
    case isDefault = "default"
  }

  init(_ group: RunnerGroup) {
    id = group.id
    name = group.name
    isDefault = group.isDefault
    visibility = group.visibility
  }
}
