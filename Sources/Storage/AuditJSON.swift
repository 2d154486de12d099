import Foundation
import Runners

/// How audit records look in JSON.
enum AuditJSON {
  /// `value` on one line, in ASCII control-free form.
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return escapingInvisible(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Escapes what JSON allows to stand as it is and a terminal or a reader might act on: DEL, C1 controls, line and
  /// paragraph separators, and the characters that turn the direction of text. Such a character in a JSON text can only
  /// stand inside a string, so the escape means the same.
  static func escapingInvisible(_ json: String) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      if isInvisible(scalar) {
        let digits = String(scalar.value, radix: 16)
        let zeros = String(repeating: "0", count: max(0, 4 - digits.count))
        escaped.append(contentsOf: "\\u\(zeros)\(digits)".unicodeScalars)
      } else {
        escaped.append(scalar)
      }
    }
    return String(escaped)
  }

  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x7F...0x9F, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    default: false
    }
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
