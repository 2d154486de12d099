import Foundation
import GitHub
import Runners

/// What differs between the two kinds of provisioning. Everything else about them is the same.
extension Provisioning {
  /// Which of a caller's labels a runner of this kind gets. `config.sh` adds the system's labels to those it is told; to a
  /// JIT runner GitHub adds none.
  func granted(_ labels: [Label]) -> [Label] {
    switch self {
    case .registrationToken: labels
    case .jit: Label.withoutDuplicates([.selfHosted] + labels)
    }
  }

  /// The path of the operation.
  var path: String {
    switch self {
    case .registrationToken: "/api/v1/runners/provision"
    case .jit: "/api/v1/runners/jit"
    }
  }

  /// Whether GitHub has a runner as soon as it has answered, before any machine has connected: one that is left there
  /// where the answer comes to nothing here.
  var createsRunner: Bool { self == .jit }
}

/// What GitHub handed out for one runner.
struct Credential {
  /// The registration token or the JIT config.
  let secret: String
  let expiresAt: Timestamp
  /// Where GitHub has made the runner already.
  let githubRunnerID: Int64?

  /// GitHub names no expiry for a JIT config: it works until its runner connects, or until GitHub removes the runner after a
  /// day. It is meant to be used at once, so that here it has as long as a registration token.
  static let jitLifetime = 3600
}

extension Service {
  /// Asks GitHub for what a machine needs to become this runner. Throws `nameTaken` where GitHub has a runner of the name.
  func mint(
    for runner: Runner, _ wanted: ProvisionRequest, _ context: RequestContext
  ) throws -> Credential {
    let github = github.limited(until: context.deadline)
    switch runner.provisioning {
    case .registrationToken:
      // A runner that GitHub already has under this name is somebody else's: had we issued a token for the name, we would
      // take that runner for the caller's.
      guard try github.runner(name: runner.name.description) == nil else {
        throw GitHubError.nameTaken
      }
      let token = try github.makeRegistrationToken()
      return Credential(
        secret: token.token, expiresAt: Timestamp(token.expiresAt), githubRunnerID: nil)
    case .jit:
      let made = try makeJITConfiguration(for: runner, wanted, github)
      return Credential(
        secret: made.encodedConfiguration,
        expiresAt: Timestamp(now()).adding(seconds: Credential.jitLifetime),
        githubRunnerID: made.runner.id)
    }
  }

  /// In a group that was asked for, GitHub's refusals are about the group.
  private func makeJITConfiguration(
    for runner: Runner, _ wanted: ProvisionRequest, _ github: GitHubClient
  ) throws -> JITConfiguration {
    let group = runner.runnerGroupID
    do {
      return try github.makeJITConfiguration(
        name: runner.name.description, runnerGroupID: group,
        labels: runner.labels.map(\.description),
        workFolder: (wanted.workFolder ?? .standard).description)
    } catch {
      guard group != settings.defaultRunnerGroupID else { throw error }
      switch error {
      case .permissionMissing: throw ServiceError.runnerGroupReserved(group)
      case .notFound: throw ServiceError.unknownRunnerGroup
      default: throw error
      }
    }
  }
}
