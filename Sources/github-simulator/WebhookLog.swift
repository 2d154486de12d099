import Foundation

/// The webhooks that were made, and the attempts to deliver them.
struct WebhookLog: Sendable {
  /// What is sent, the same in each attempt.
  struct Delivery: Sendable {
    let guid: String
    let event: String
    let action: String?
    let body: String
    let signature: String
  }

  struct Attempt: Sendable {
    let id: Int
    let delivery: Delivery
    let date: Date
    let isRedelivery: Bool
    let statusCode: Int

    var isSuccess: Bool { (200..<300).contains(statusCode) }
  }

  /// The oldest first.
  private(set) var attempts: [Attempt] = []
  private var nextID = 9_007_199_254_740_993

  mutating func add(_ delivery: Delivery, at date: Date, statusCode: Int, isRedelivery: Bool) {
    attempts.append(
      Attempt(
        id: nextID, delivery: delivery, date: date, isRedelivery: isRedelivery,
        statusCode: statusCode))
    nextID += 1
  }

  func attempt(id: Int) -> Attempt? {
    attempts.first { $0.id == id }
  }
}
