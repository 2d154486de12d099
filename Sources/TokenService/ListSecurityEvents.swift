import FastCGI
import Runners
import Storage

extension Service {
  private struct EventList: Encodable {
    let events: [SecurityEventRepresentation]
    let total: Int
  }

  /// GET /api/v1/admin/security-events: newest first.
  func listSecurityEvents(_ query: Query, _ admin: Administrator) throws -> Response {
    let filter = try SecurityEventFilter(query)
    let (events, total) = try database.read { try $0.securityEvents.page(matching: filter) }
    return try JSONBody.response(
      EventList(events: events.map(SecurityEventRepresentation.init), total: total))
  }
}

extension SecurityEventFilter {
  /// Reads the query of a list request. Throws `validation` with every fault at once.
  fileprivate init(_ query: Query) throws(ServiceError) {
    var reader = QueryReader(query)
    let kinds = SecurityEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
    let severities = SecurityEvent.Severity.allCases.map(\.rawValue).joined(separator: ", ")
    let time = "must be a time as in RFC 3339, such as 2026-11-22T21:00:00Z"
    let kind = reader.value(
      "event_type", SecurityEvent.Kind.init(rawValue:), "must be one of \(kinds)")
    let severity = reader.value(
      "severity", SecurityEvent.Severity.init(rawValue:), "must be one of \(severities)")
    let userIdentity = reader.userIdentity()
    let since = reader.value("since", { Timestamp($0) }, time)
    let until = reader.value("until", { Timestamp($0) }, time)
    let page = reader.page()
    try reader.finish()
    self.init(
      kind: kind, severity: severity, userIdentity: userIdentity, since: since, until: until,
      limit: page.limit, offset: page.offset)
  }
}

/// A security event as the API shows it.
private struct SecurityEventRepresentation: Encodable {
  let record: SecurityRecord

  private enum CodingKeys: String, CodingKey {
    case id, timestamp, count, severity, issuer
    case lastSeenAt = "last_seen_at"
    case eventType = "event_type"
    case userIdentity = "user_identity"
    case oidcSub = "oidc_sub"
    case requestID = "request_id"
    case requestIP = "request_ip"
    case runnerName = "runner_name"
    case eventData = "event_data"
  }

  /// Members without a value are there, as null.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let event = record.event
    try container.encode(record.id, forKey: .id)
    try container.encode(record.firstSeenAt, forKey: .timestamp)
    try container.encode(record.lastSeenAt, forKey: .lastSeenAt)
    try container.encode(record.count, forKey: .count)
    try container.encode(event.kind.rawValue, forKey: .eventType)
    try container.encode(record.severity.rawValue, forKey: .severity)
    try container.encode(event.actor.identity, forKey: .userIdentity)
    try container.encode(event.actor.issuer, forKey: .issuer)
    try container.encode(event.actor.subject, forKey: .oidcSub)
    try container.encode(event.actor.requestID, forKey: .requestID)
    try container.encode(event.actor.requestIP, forKey: .requestIP)
    try container.encode(event.runnerName, forKey: .runnerName)
    try container.encode(event.data, forKey: .eventData)
  }
}
