public import Runners

/// A security event as the API and the export show it.
public struct SecurityEventRepresentation: Encodable {
  private let record: SecurityRecord

  /// As the API shows this event.
  public init(_ record: SecurityRecord) {
    self.record = record
  }

  private enum CodingKeys: String, CodingKey {
    case id, timestamp, count, severity, issuer
    case lastSeenAt = "last_seen_at"
    case eventType = "event_type"
    case userIdentity = "user_identity"
    case oidcSub = "oidc_sub"
    case requestID = "request_id"
    case requestIP = "request_ip"
    case runnerID = "runner_id"
    case runnerName = "runner_name"
    case eventData = "event_data"
  }

  /// Members without a value are there, as null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let event = record.event
    try container.encode(record.id, forKey: .id)
    try container.encode(record.firstSeenAt, forKey: .timestamp)
    try container.encode(record.lastSeenAt, forKey: .lastSeenAt)
    try container.encode(record.count, forKey: .count)
    try container.encode(event.kind.rawValue, forKey: .eventType)
    try container.encode(event.severity.rawValue, forKey: .severity)
    try container.encode(event.actor.identity, forKey: .userIdentity)
    try container.encode(event.actor.issuer, forKey: .issuer)
    try container.encode(event.actor.subject, forKey: .oidcSub)
    try container.encode(event.actor.requestID, forKey: .requestID)
    try container.encode(event.actor.requestIP, forKey: .requestIP)
    try container.encode(event.runnerID, forKey: .runnerID)
    try container.encode(event.runnerName, forKey: .runnerName)
    try container.encode(event.data, forKey: .eventData)
  }
}
