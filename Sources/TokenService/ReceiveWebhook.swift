import FastCGI
import Foundation
import GitHub
import Logging
import Runners
import Storage
import StrictJSON

extension Service {
  /// POST /api/v1/webhooks/github: what GitHub tells of jobs and of the App's installation. It is a hint that makes the
  /// state fresh between syncs, and nothing else depends on it: GitHub is not asked here, and answers come at once.
  ///
  /// Nothing is believed, stored or even decoded before the signature holds.
  func receiveWebhook(_ request: Request, _ context: RequestContext) throws -> Response {
    guard let key = settings.github.webhookKey else { throw ServiceError.notFound }
    let signature = try WebhookSignature(of: request.parameters)
    let body = try request.completeBody()
    try signature.verify(body, with: key)
    let headers = try WebhookHeaders(
      request.parameters, appID: settings.github.credentials.appID)
    let encoding = try WebhookBody.Encoding(request.parameters)
    guard WebhookHeaders.handledEvents.contains(headers.event) else {
      return try answer(.ignored, to: headers, action: nil, context)
    }
    let payload = WebhookPayload(object: try WebhookBody.payload(of: body, encoding))
    let action = payload["action"]?.string
    return try answer(
      try act(on: payload, action: action, headers, context), to: headers, action: action, context)
  }

  private func act(
    on payload: WebhookPayload, action: String?, _ headers: WebhookHeaders,
    _ context: RequestContext
  ) throws -> WebhookOutcome {
    switch (headers.event, action) {
    case ("ping", _):
      return .received
    case ("meta", "deleted"):
      return .hookDeleted
    case (_, let action?):
      let isOurs = payload.isAbout(
        installation: settings.github.credentials.installationID, of: settings.organization)
      guard isOurs else { return .ignored }
      var actor = AuditEvent.Actor.webhook
      actor.requestID = context.requestID
      actor.requestIP = context.remoteAddress
      let delivery = ReceivedDelivery(
        id: headers.deliveryID, event: headers.event, action: action, actor: actor)
      if headers.event == "workflow_job" {
        guard let job = try payload.workflowJob(action) else { return .ignored }
        return try note(job, delivery)
      }
      guard let event = try payload.installationEvent(action) else { return .ignored }
      return try note(event, delivery)
    default:
      return .ignored
    }
  }

  /// The look comes first, because most jobs are for runners of GitHub's, and a write waits for others' writes.
  private func note(_ job: WorkflowJob, _ delivery: ReceivedDelivery) throws -> WebhookOutcome {
    guard try database.read({ try runner(with: job, $0) }) != nil else { return .ignored }
    return try audited { transaction, record in
      guard let runner = try runner(with: job, transaction) else { return .ignored }
      guard try !transaction.webhookDeliveries.contains(delivery.id) else { return .repeated }
      let history = try transaction.webhookDeliveries.history(ofRunner: runner.id)
      try transaction.webhookDeliveries.insert(
        delivery.processed(about: job.id, runnerID: runner.id, happenedAt: job.happenedAt))
      let next = runner.after(job, history: history, at: transaction.now)
      guard next != runner else { return .unchanged }
      try transaction.runners.update(next)
      try record(delivery.audit(of: next, job))
      if next.status != runner.status {
        var change = AuditEvent.statusChange(of: next, from: runner.status, delivery.actor)
        change.data.merge(delivery.evidence) { own, _ in own }
        try record(change)
      }
      return .changed
    }
  }

  /// An id that is known here is another's where the name is not right, and then so is the job.
  private func runner(with job: WorkflowJob, _ transaction: Transaction) throws -> Runner? {
    let known = try transaction.runners.runner(
      githubRunnerID: job.githubRunnerID, organization: settings.organization)
    if let known { return known.has(job) ? known : nil }
    guard let name = RunnerName(job.runnerName) else { return nil }
    let named = try transaction.runners.live(named: name, organization: settings.organization)
    return named.flatMap { $0.has(job) ? $0 : nil }
  }

  private func note(
    _ event: InstallationEvent, _ delivery: ReceivedDelivery
  ) throws -> WebhookOutcome {
    try audited { transaction, record in
      let deliveries = transaction.webhookDeliveries
      guard try !deliveries.contains(delivery.id) else { return .repeated }
      let history = try deliveries.history(
        ofEvent: delivery.event, about: event.installationID)
      try deliveries.insert(
        delivery.processed(about: event.installationID, happenedAt: event.happenedAt))
      guard let state = event.state(history: history),
        try transaction.installations.setState(state, ofInstallation: event.installationID)
      else { return .unchanged }
      var data = delivery.evidence
      data["installation_id"] = .number(event.installationID)
      data["state"] = .text(state.rawValue)
      try record(AuditEvent(.installationChange, actor: delivery.actor, data: data))
      return .changed
    }
  }

  private func answer(
    _ outcome: WebhookOutcome, to headers: WebhookHeaders, action: String?,
    _ context: RequestContext
  ) throws(ServiceError) -> Response {
    var metadata: Logger.Metadata = [
      "request_id": "\(context.requestID)", "delivery": "\(headers.deliveryID)",
      "event": "\(headers.event)", "outcome": "\(outcome.rawValue)",
    ]
    if let action { metadata["action"] = "\(action.prefix(scalars: 64))" }
    switch outcome {
    case .hookDeleted:
      logger.warning(
        "the App's webhook was deleted at GitHub: no more will come", metadata: metadata)
    case .changed where headers.event == "installation":
      logger.warning("the App's installation was changed at GitHub", metadata: metadata)
    case .ignored:
      logger.debug("webhook", metadata: metadata)
    default:
      logger.info("webhook", metadata: metadata)
    }
    return try JSONBody.response(
      status: outcome.status, ["delivery": headers.deliveryID.description, "outcome": outcome.text])
  }
}
