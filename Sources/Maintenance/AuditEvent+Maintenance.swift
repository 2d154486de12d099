import GitHub
import Runners

extension ListedRunner {
  init(_ runner: GitHubRunner) {
    self.init(
      id: runner.id, name: runner.name, os: runner.os, isOnline: runner.isOnline,
      isBusy: runner.busy, labels: runner.labels.map(\.name), runnerGroupID: runner.runnerGroupID,
      isEphemeral: runner.ephemeral)
  }
}

extension GrantViolation {
  var auditData: [String: AuditEvent.Value] {
    var data: [String: AuditEvent.Value] = [
      "extra_labels": .texts(extraLabels), "missing_labels": .texts(missingLabels),
    ]
    data["runner_group_id"] = runnerGroupID.map { .number($0) }
    if isNotEphemeral { data["ephemeral"] = .flag(false) }
    return data
  }
}

extension Runner {
  /// For an event that is about one runner.
  func event(
    _ kind: AuditEvent.Kind, success: Bool = true, by actor: AuditEvent.Actor,
    _ data: [String: AuditEvent.Value]
  ) -> AuditEvent {
    var data = data
    data["github_runner_id"] = githubRunnerID.map { .number($0) }
    return AuditEvent(
      kind, success: success, actor: actor, runnerID: id, runnerName: name.description, data: data)
  }

  /// That it went from one state to another.
  func statusChange(
    from before: Runner, by actor: AuditEvent.Actor, _ evidence: [String: AuditEvent.Value]
  ) -> AuditEvent {
    var data = evidence
    data["from"] = .text(before.status.rawValue)
    data["to"] = .text(status.rawValue)
    data["busy"] = .flag(busy)
    data["reason"] = deletionReason.map { .text($0.rawValue) }
    return event(.statusChange, by: actor, data)
  }
}

extension GitHubError {
  /// Whether the next request would fare no better.
  var concernsEverything: Bool {
    switch self {
    case .rateLimited, .credentialsRejected, .clockRejected, .permissionMissing,
      .installationSuspended, .addressNotAllowed, .singleSignOnRequired, .userAgentRefused,
      .versionRetired, .redirectRefused, .tooManyWaiting:
      true
    case .unavailable, .notFound, .nameTaken, .runnerBusy, .registrationForbidden, .refused,
      .unreadableAnswer:
      false
    }
  }

  /// Whether GitHub said nothing that could be used. Others may fare better, but not if it goes on like that.
  var isSilence: Bool {
    if case .unavailable = self { true } else { false }
  }
}
