import Foundation
import GitHub
import Logging
import Runners
import Storage

extension Maintenance {
  /// In seconds: GitHub repeats deliveries of the last 3 days.
  private static let redeliveryWindow: TimeInterval = 3 * 86_400
  /// Redeliveries asked for in one run.
  private static let redeliveriesPerRun = 50
  /// How often a delivery is repeated: one that always fails is not to be sent for ever.
  private static let redeliveriesOfOne = 5
  /// Pages read in one run, of a hundred attempts each.
  private static let deliveryPages = 20

  /// Asks GitHub to repeat the deliveries of webhooks that failed, because GitHub does not do so of its own accord. Does
  /// nothing where no webhooks are received. Nothing is lost if it is not called or ends early: the next run goes on.
  ///
  /// Throws `GitHubError` where GitHub does not answer or does not let us, a `StorageError` where nothing can be recorded.
  public func redeliverFailed() throws {
    guard options.receivesWebhooks else { return }
    // What was asked for and is not on record would be asked for again, each time.
    try auditFile.checkWritable()
    let lost = try lostDeliveries()
    guard !lost.isEmpty else { return }
    var asked: [LostDelivery] = []
    var refusal: (any Error)?
    for delivery in lost {
      do throws(GitHubError) {
        try github.redeliver(attempt: delivery.attemptID)
        asked.append(delivery)
      } catch {
        switch error {
        case .notFound, .refused(status: 400, _), .refused(status: 422, _):
          // Too old, or of a kind that GitHub does not repeat. Not to be asked for again either.
          asked.append(delivery)
          logger.warning(
            "GitHub does not repeat a delivery",
            metadata: ["delivery": "\(delivery.id)", "cause": "\(error)"])
        default: refusal = error
        }
      }
      if refusal != nil { break }
    }
    if !asked.isEmpty { try record(asked) }
    if let refusal { throw refusal }
  }

  private func record(_ asked: [LostDelivery]) throws {
    try audited { transaction, record in
      for delivery in asked {
        try transaction.webhookDeliveries.insertRequest(
          attempt: delivery.attemptID, of: delivery.id)
      }
      try record(
        AuditEvent(
          .webhook, actor: .maintenance,
          data: [
            "redeliveries_requested": .number(Int64(asked.count)),
            "delivery_ids": .texts(asked.map(\.id.description)),
          ]))
    }
    logger.info(
      "asked GitHub to repeat deliveries that failed",
      metadata: ["deliveries": .stringConvertible(asked.count)])
  }

  /// Those to ask for in this run, the oldest first, so that they come again in the order in which they happened.
  private func lostDeliveries() throws -> [LostDelivery] {
    var lost: [LostDelivery] = []
    var seen: Set<DeliveryID> = []
    var url: String?
    for _ in 0..<Self.deliveryPages {
      let page = try github.failedDeliveries(at: url)
      for attempt in page.deliveries {
        // The newest attempt at a delivery comes first.
        guard isOurs(attempt), let id = DeliveryID(attempt.guid), seen.insert(id).inserted else {
          continue
        }
        let delivery = LostDelivery(attemptID: attempt.id, id: id)
        if try isToBeAskedFor(delivery) { lost.append(delivery) }
      }
      let isWithinWindow = page.deliveries.last.map(isRecent) ?? false
      guard let next = page.nextURL, isWithinWindow else { break }
      url = next
    }
    return lost.suffix(Self.redeliveriesPerRun).reversed()
  }

  private func isOurs(_ attempt: WebhookDelivery) -> Bool {
    // What is about the installation itself may name none; which one it is then stands in the payload.
    let isElsewhere = attempt.installationID.map { $0 != options.installationID }
    guard isRecent(attempt), !(isElsewhere ?? (attempt.event != "installation")) else {
      return false
    }
    switch (attempt.event, attempt.action) {
    case ("workflow_job", "in_progress"), ("workflow_job", "completed"): return true
    case ("installation", "suspend"), ("installation", "unsuspend"), ("installation", "deleted"):
      return true
    default: return false
    }
  }

  private func isRecent(_ attempt: WebhookDelivery) -> Bool {
    now().timeIntervalSince(attempt.deliveredAt) < Self.redeliveryWindow
  }

  private func isToBeAskedFor(_ delivery: LostDelivery) throws -> Bool {
    try database.read { transaction in
      let deliveries = transaction.webhookDeliveries
      return try !deliveries.contains(delivery.id)
        && !deliveries.isRequested(attempt: delivery.attemptID)
        && deliveries.requests(of: delivery.id) < Self.redeliveriesOfOne
    }
  }
}

/// The newest failed attempt at a delivery.
private struct LostDelivery {
  let attemptID: Int64
  let id: DeliveryID
}
