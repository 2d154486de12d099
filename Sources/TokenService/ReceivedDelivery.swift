import Runners

/// What became of a delivery.
enum WebhookOutcome: String {
  case received, changed, unchanged, repeated, ignored
  case hookDeleted = "hook_deleted"

  var status: Int { self == .ignored ? 202 : 200 }

  /// GitHub shows it to whoever looks at the App's recent deliveries.
  var text: String {
    switch self {
    case .received, .hookDeleted: "received"
    case .changed: "processed"
    case .unchanged: "processed, and nothing was new"
    case .repeated: "already processed"
    case .ignored: "ignored: it is about nothing of this service's"
    }
  }
}

/// A delivery whose signature holds and that is about something of ours.
struct ReceivedDelivery {
  let id: DeliveryID
  let event: String
  let action: String
  let actor: AuditEvent.Actor

  /// For the audit log: what a change goes back to.
  var evidence: [String: AuditEvent.Value] {
    ["delivery_id": .text(id.description), "event": .text(event), "action": .text(action)]
  }

  func processed(
    about subject: Int64, runnerID: String? = nil, happenedAt: Timestamp?
  ) -> ProcessedDelivery {
    ProcessedDelivery(
      id: id, event: event, action: action, subject: subject, runnerID: runnerID,
      happenedAt: happenedAt)
  }

  func audit(of runner: Runner, _ job: WorkflowJob) -> AuditEvent {
    var data = evidence
    data["job_id"] = .number(job.id)
    data["github_runner_id"] = .number(job.githubRunnerID)
    data["busy"] = .flag(runner.busy)
    return AuditEvent(
      .webhook, actor: actor, runnerID: runner.id, runnerName: runner.name.description, data: data)
  }
}
