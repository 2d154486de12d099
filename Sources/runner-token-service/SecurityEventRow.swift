import Runners

/// A security event as the export has it.
struct SecurityEventRow: Encodable {
  let record: SecurityRecord

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case id, timestamp
    case lastSeenAt = "last_seen_at"
    case count
    case eventType = "event_type"
    case severity
    case userIdentity = "user_identity"
    case issuer
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

  static var columns: [String] { CodingKeys.allCases.map(\.rawValue) }

  /// In the order of the columns.
  func cells() throws -> [String] {
    let event = record.event
    return [
      String(record.id), record.firstSeenAt.description, record.lastSeenAt.description,
      String(record.count), event.kind.rawValue, record.severity.rawValue,
      event.actor.identity ?? "", event.actor.issuer ?? "", event.actor.subject ?? "",
      event.actor.requestID ?? "", event.actor.requestIP ?? "", event.runnerName ?? "",
      try JSONLine.text(event.data),
    ]
  }
}

/// Comma-separated values (RFC 4180), safe to open in a spreadsheet.
enum CSV {
  static func line(_ cells: [String]) -> String {
    cells.map(cell).joined(separator: ",") + "\r\n"
  }

  private static func cell(_ text: String) -> String {
    // A spreadsheet skips a blank or a control character before it looks for a formula.
    let first = text.unicodeScalars.first { $0.value > 0x20 }
    let isFormula = first.map { "=+-@".unicodeScalars.contains($0) } ?? false
    let safe = (isFormula ? "'" : "") + text.visible
    return "\"" + safe.replacing("\"", with: "\"\"") + "\""
  }
}
