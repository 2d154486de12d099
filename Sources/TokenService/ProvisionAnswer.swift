import FastCGI
import Foundation
import Runners

extension Service {
  /// 201: the only answer that shows what was handed out, in the form that the caller accepts.
  ///
  /// `Location` names the runner, by which `didNotDeliver` knows whose answer was lost.
  func answer(
    _ runner: Runner, _ credential: Credential, group: String?, to request: Request
  ) throws(ServiceError) -> Response {
    let command =
      switch runner.provisioning {
      case .registrationToken:
        RunnerCommand.configure(
          runner, token: credential.secret, githubURL: settings.githubURL, group: group)
      case .jit: RunnerCommand.run(jitConfiguration: credential.secret)
      }
    var response =
      switch request.parameters.accept.form {
      case .plainText: Response(status: 201, text: "\(credential.secret)\n", type: "text/plain")
      case .shellScript: Response(status: 201, text: command.script, type: "text/x-shellscript")
      case .json: try json(runner, credential, command)
      }
    response.headers.append(.init("Location", Self.location(of: runner.id)))
    return response
  }

  private func json(
    _ runner: Runner, _ credential: Credential, _ command: RunnerCommand
  ) throws(ServiceError) -> Response {
    switch runner.provisioning {
    case .registrationToken:
      try JSONBody.response(
        status: 201,
        ProvisionedRunner(
          runner, credential, githubURL: settings.githubURL, configurationCommand: command.text))
    case .jit:
      try JSONBody.response(
        status: 201, JITRunner(runner, credential, runCommand: command.text))
    }
  }

  private static let locationPrefix = "/api/v1/runners/"

  private static func location(of runnerID: String) -> String { locationPrefix + runnerID }

  /// The id of the runner whose provisioning a response answers; nil for any other.
  static func provisionedRunnerID(_ response: Response) -> String? {
    guard response.status == 201, let location = response.header("Location"),
      location.hasPrefix(locationPrefix)
    else { return nil }
    return String(location.dropFirst(locationPrefix.count))
  }
}

extension Response {
  /// An answer that is not JSON.
  init(status: Int, text: String, type: String) {
    self.init(
      status: status, headers: [.init("Content-Type", type + "; charset=utf-8")],
      body: Array(text.utf8))
  }
}

/// The answer to a provision request: the only place where a registration token is shown.
private struct ProvisionedRunner: Encodable {
  let runnerID: String
  let runnerName: String
  let registrationToken: String
  let expiresAt: Timestamp
  let githubURL: String
  let runnerGroupID: Int64
  let ephemeral: Bool
  let labels: [String]
  let configurationCommand: String

  init(
    _ runner: Runner, _ credential: Credential, githubURL: String, configurationCommand: String
  ) {
    runnerID = runner.id
    runnerName = runner.name.description
    registrationToken = credential.secret
    expiresAt = credential.expiresAt
    self.githubURL = githubURL
    runnerGroupID = runner.runnerGroupID
    ephemeral = runner.ephemeral
    labels = runner.labels.map(\.description)
    self.configurationCommand = configurationCommand
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

/// The answer to a request for a JIT runner: the only place where a JIT config is shown.
private struct JITRunner: Encodable {
  let runnerID: String
  let runnerName: String
  let encodedJITConfig: String
  let expiresAt: Timestamp
  let labels: [String]
  let runnerGroupID: Int64
  let runCommand: String

  init(_ runner: Runner, _ credential: Credential, runCommand: String) {
    runnerID = runner.id
    runnerName = runner.name.description
    encodedJITConfig = credential.secret
    expiresAt = credential.expiresAt
    labels = runner.labels.map(\.description)
    runnerGroupID = runner.runnerGroupID
    self.runCommand = runCommand
  }

  private enum CodingKeys: String, CodingKey {
    case labels
    case runnerID = "runner_id"
    case runnerName = "runner_name"
    case encodedJITConfig = "encoded_jit_config"
    case expiresAt = "expires_at"
    case runnerGroupID = "runner_group_id"
    case runCommand = "run_command"
  }
}
