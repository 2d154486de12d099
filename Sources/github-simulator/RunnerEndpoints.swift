import Concurrency
import FastCGI
import Foundation

extension Endpoint {
  /// What an installation token opens. GitHub's own links name an organization by its number.
  static let gitHubRunners = ["/api/v3/orgs/{org}", "/api/v3/organizations/{org_id}"].flatMap {
    base in
    let runners = base + "/actions/runners"
    return [
      Endpoint(
        "POST", runners + "/registration-token", access: .installation(.write),
        Simulator.createRegistrationToken),
      Endpoint(
        "POST", runners + "/remove-token", access: .installation(.write),
        Simulator.createRemoveToken),
      Endpoint(
        "POST", runners + "/generate-jitconfig", access: .installation(.write),
        Simulator.createJITConfig),
      Endpoint("GET", runners, access: .installation(.read), Simulator.listRunners),
      Endpoint("GET", runners + "/{id}", access: .installation(.read), Simulator.runner),
      Endpoint("DELETE", runners + "/{id}", access: .installation(.write), Simulator.deleteRunner),
      Endpoint(
        "GET", base + "/actions/runner-groups", access: .installation(.read),
        Simulator.listRunnerGroups),
    ]
  }
}

extension Simulator {
  /// The organization, by name without regard to case, or by number. Others do not exist.
  func checkOrganization(_ call: Call) throws(Refusal) {
    let isNamed = call.captures["org"]?.lowercased() == settings.organization.lowercased()
    let isNumbered = call.number("org_id") == Account.organizationID
    guard isNamed || isNumbered else { throw .notFound }
  }

  // MARK: - Tokens

  fileprivate func createRegistrationToken(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    let now = now()
    let (token, expiry) = state.withLock { $0.issueRegistrationToken(now: now) }
    return .json(201, TokenAnswer(token: token, expiresAt: expiry.pacificTimestamp))
  }

  /// Nothing here takes a remove token, so that none is remembered.
  fileprivate func createRemoveToken(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    let expiry = now() + GitHubState.tokenLifetime
    return .json(
      201, TokenAnswer(token: Random.registrationToken(), expiresAt: expiry.pacificTimestamp))
  }

  private struct TokenAnswer: Encodable {
    let token: String
    let expiresAt: String
  }

  // MARK: - JIT config

  /// The order of the checks is GitHub's: the body first, then the group, then the name.
  fileprivate func createJITConfig(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    let request = try JITRequest(call)
    let runner = try state.withLock { state throws(Refusal) in
      try state.addJITRunner(request, settings: settings)
    }
    guard case .jitConfig(let config) = runner.origin else { throw .notFound }
    return .json(
      201, JITAnswer(runner: RunnerAnswer(runner, withGroup: true), encodedJITConfig: config))
  }

  private struct JITAnswer: Encodable {
    let runner: RunnerAnswer
    let encodedJITConfig: String
  }

  // MARK: - Runners

  fileprivate func listRunners(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    var runners = state.withLock { $0.runners.sorted }
    if let name = call.query("name") {
      runners = runners.filter { $0.name.lowercased() == name.lowercased() }
    }
    let page = Page(call)
    let list = RunnerList(
      totalCount: runners.count, runners: page.items(of: runners).map { RunnerAnswer($0) })
    var response = Response.json(200, list)
    let base = "\(settings.baseURL)/api/v3/organizations/\(Account.organizationID)/actions/runners"
    if let links = page.links(total: runners.count, base: base) {
      response.setDefault("Link", links)
    }
    return response
  }

  private struct RunnerList: Encodable {
    let totalCount: Int
    let runners: [RunnerAnswer]
  }

  fileprivate func runner(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    guard let id = call.number("id"), let runner = state.withLock({ $0.runners[id] }) else {
      throw .notFound
    }
    return .json(200, RunnerAnswer(runner))
  }

  fileprivate func deleteRunner(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    guard let id = call.number("id") else { throw .notFound }
    try state.withLock { state throws(Refusal) in
      guard let runner = state.runners[id] else { throw .notFound }
      guard !runner.isBusy else { throw .stillRunning(runner) }
      state.runners.remove(runner)
    }
    return .noContent
  }

  // MARK: - Groups

  fileprivate func listRunnerGroups(_ call: Call) throws(Refusal) -> Response {
    try checkOrganization(call)
    let groups = state.withLock { $0.groups }
    let base = "\(settings.baseURL)/api/v3/orgs/\(settings.organization)/actions/runner-groups"
    let page = Page(call)
    let list = RunnerGroupList(
      totalCount: groups.count,
      runnerGroups: page.items(of: groups).map { RunnerGroupAnswer($0, base: base) })
    return .json(200, list)
  }

  private struct RunnerGroupList: Encodable {
    let totalCount: Int
    let runnerGroups: [RunnerGroupAnswer]
  }
}

/// GitHub's JSON for a runner group.
struct RunnerGroupAnswer: Encodable {
  let id: Int
  let name: String
  let visibility = "all"
  let `default`: Bool
  let runnersURL: String
  let inherited = false
  let allowsPublicRepositories = false
  let restrictedToWorkflows = false
  let selectedWorkflows: [String] = []
  let workflowRestrictionsReadOnly = false

  init(_ group: RunnerGroup, base: String) {
    id = group.id
    name = group.name
    `default` = group.id == 1
    runnersURL = "\(base)/\(group.id)/runners"
  }
}

extension Refusal {
  /// GitHub's own closing quote has no opening one.
  fileprivate static func stillRunning(_ runner: Runner) -> Refusal {
    Refusal(422, #"Bad request - Runner "\#(runner.name)" is still running a job""#)
  }
}
