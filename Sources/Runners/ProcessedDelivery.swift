/// The id of a delivery of a webhook (`X-GitHub-Delivery`): a GUID, in lower case, so that one id has one spelling. GitHub
/// sends a delivery that it repeats under the same id.
public struct DeliveryID: Sendable, Hashable, CustomStringConvertible {
  public let description: String

  /// nil for text that is no GUID.
  public init?(_ text: String) {
    let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard groups.map(\.count) == [8, 4, 4, 4, 12], groups.joined().allSatisfy(Self.isHexDigit)
    else { return nil }
    description = text.lowercased()
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }
}

/// A delivery that was about something of ours and has been acted on.
public struct ProcessedDelivery: Sendable, Equatable {
  /// The same for each attempt at this delivery.
  public let id: DeliveryID
  /// `X-GitHub-Event`: `workflow_job` or `installation`.
  public let event: String
  /// `action` of the payload.
  public let action: String
  /// What it is about: the id of a job, or of an installation.
  public let subject: Int64
  /// Of our runner, if it is about one.
  public let runnerID: String?
  /// When GitHub says that it happened.
  public let happenedAt: Timestamp?

  public init(
    id: DeliveryID, event: String, action: String, subject: Int64, runnerID: String? = nil,
    happenedAt: Timestamp?
  ) {
    self.id = id
    self.event = event
    self.action = action
    self.subject = subject
    self.runnerID = runnerID
    self.happenedAt = happenedAt
  }
}
