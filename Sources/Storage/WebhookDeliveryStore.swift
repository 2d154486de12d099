import GRDB
public import Runners

/// The tables `webhook_deliveries` and `webhook_redeliveries`.
public struct WebhookDeliveryStore {
  let database: GRDB.Database
  let now: Timestamp

  /// In seconds: 30 days. GitHub repeats a delivery for 3 days, GitHub Enterprise Server for 7.
  private static let retention = 30 * 86_400
  /// As many as are looked at to put a delivery into its order.
  private static let historyLength = 50

  /// Whether a delivery has been acted on.
  public func contains(_ id: DeliveryID) throws -> Bool {
    try database.value(
      Bool.self, sql: "SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE id = ?)",
      arguments: [id.description]) ?? false
  }

  /// Notes that a delivery has been acted on. Throws if it had been before.
  public func insert(_ delivery: ProcessedDelivery) throws {
    try forgetOld()
    try database.run(
      sql: """
        INSERT INTO webhook_deliveries
          (id, event, action, subject, runner_id, happened_at, processed_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        delivery.id.description, delivery.event, delivery.action, delivery.subject,
        delivery.runnerID, delivery.happenedAt?.description, now.description,
      ])
  }

  /// The last deliveries about the jobs of a runner of ours.
  public func history(ofRunner id: String) throws -> [ProcessedDelivery] {
    try fetch("runner_id = ?", [id])
  }

  /// The last deliveries of an event about one thing.
  public func history(ofEvent event: String, about subject: Int64) throws -> [ProcessedDelivery] {
    try fetch("event = ? AND subject = ?", [event, subject])
  }

  /// Whether GitHub has been asked to repeat this attempt.
  public func isRequested(attempt id: Int64) throws -> Bool {
    try database.value(
      Bool.self, sql: "SELECT EXISTS (SELECT 1 FROM webhook_redeliveries WHERE attempt_id = ?)",
      arguments: [id]) ?? false
  }

  /// How often GitHub has been asked to repeat a delivery.
  public func requests(of id: DeliveryID) throws -> Int {
    try database.value(
      Int.self, sql: "SELECT count(*) FROM webhook_redeliveries WHERE delivery_id = ?",
      arguments: [id.description]) ?? 0
  }

  /// Notes that GitHub has been asked to repeat an attempt.
  public func insertRequest(attempt: Int64, of id: DeliveryID) throws {
    try forgetOld()
    try database.run(
      sql: """
        INSERT INTO webhook_redeliveries (attempt_id, delivery_id, requested_at) VALUES (?, ?, ?)
        ON CONFLICT DO NOTHING
        """, arguments: [attempt, id.description, now.description])
  }

  private func forgetOld() throws {
    let end = now.adding(seconds: -Self.retention).description
    try database.run(
      sql: "DELETE FROM webhook_deliveries WHERE processed_at < ?", arguments: [end])
    try database.run(
      sql: "DELETE FROM webhook_redeliveries WHERE requested_at < ?", arguments: [end])
  }

  private func fetch(
    _ condition: String, _ arguments: [any DatabaseValueConvertible]
  ) throws -> [ProcessedDelivery] {
    return try database.rows(
      sql: """
        SELECT * FROM webhook_deliveries WHERE \(condition)
        ORDER BY processed_at DESC LIMIT \(Self.historyLength)
        """, arguments: StatementArguments(arguments)
    ) { row in
      guard let id = DeliveryID(row["id"]) else {
        throw StorageError.databaseUnavailable(
          "a row of the table webhook_deliveries cannot be read")
      }
      return ProcessedDelivery(
        id: id, event: row["event"], action: row["action"], subject: row["subject"],
        runnerID: row["runner_id"],
        happenedAt: (row["happened_at"] as String?).flatMap(Timestamp.init))
    }
  }
}
