import GRDB
public import Runners

extension Transaction {
  /// Removes what is of no use any more: deliveries of webhooks, which GitHub does not repeat after three days, and
  /// approvals that nobody can use. One that a runner was provisioned on stays. Returns how many rows.
  public func removeOutdated(
    deliveriesBefore deliveryTime: Timestamp, approvalsExpiredBefore approvalTime: Timestamp
  ) throws -> Int {
    try database.execute(
      sql: "DELETE FROM webhook_deliveries WHERE processed_at < ?",
      arguments: [deliveryTime.description])
    let deliveries = database.changesCount
    try database.execute(
      sql: "DELETE FROM approvals WHERE expires_at < ? AND status <> 'used'",
      arguments: [approvalTime.description])
    return deliveries + database.changesCount
  }
}
