import Foundation
import Runners

/// How audit records look in JSON.
enum AuditJSON {
  /// `value` on one line, in ASCII control-free form.
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self).escapingInvisibleInJSON()
  }
}

extension AuditJSON {
  /// The values of a text that `text(_:)` made of them; none for no text, nil for any other text.
  static func values(_ text: String?) -> [String: AuditEvent.Value]? {
    guard let text else { return [:] }
    return try? JSONDecoder().decode([String: AuditEvent.Value].self, from: Data(text.utf8))
  }
}

/// A line of the audit log's file: the fields of the table, without those that are empty.
struct AuditLine: Encodable {
  let record: AuditRecord

  private enum CodingKeys: String, CodingKey {
    case id, timestamp, success, issuer
    case eventType = "event_type"
    case errorCode = "error_code"
    case errorMessage = "error_message"
    case userIdentity = "user_identity"
    case oidcSub = "oidc_sub"
    case requestID = "request_id"
    case requestIP = "request_ip"
    case userAgent = "user_agent"
    case runnerID = "runner_id"
    case runnerName = "runner_name"
    case eventData = "event_data"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let event = record.event
    try container.encode(record.id, forKey: .id)
    try container.encode(record.timestamp, forKey: .timestamp)
    try container.encode(event.kind.rawValue, forKey: .eventType)
    try container.encode(event.success, forKey: .success)
    try container.encodeIfPresent(event.errorCode, forKey: .errorCode)
    try container.encodeIfPresent(event.errorMessage, forKey: .errorMessage)
    try container.encodeIfPresent(event.actor.identity, forKey: .userIdentity)
    try container.encodeIfPresent(event.actor.issuer, forKey: .issuer)
    try container.encodeIfPresent(event.actor.subject, forKey: .oidcSub)
    try container.encodeIfPresent(event.actor.requestID, forKey: .requestID)
    try container.encodeIfPresent(event.actor.requestIP, forKey: .requestIP)
    try container.encodeIfPresent(event.actor.userAgent, forKey: .userAgent)
    try container.encodeIfPresent(event.runnerID, forKey: .runnerID)
    try container.encodeIfPresent(event.runnerName, forKey: .runnerName)
    if !event.data.isEmpty { try container.encode(event.data, forKey: .eventData) }
  }
}
