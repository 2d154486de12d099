import Runners

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

extension SecurityRecord {
  /// Named as the members of the JSON forms.
  static let columns = [
    "id", "timestamp", "last_seen_at", "count", "event_type", "severity", "user_identity", "issuer",
    "oidc_sub", "request_id", "request_ip", "runner_id", "runner_name", "event_data",
  ]

  /// In the order of the columns.
  func cells() throws -> [String] {
    [
      String(id), firstSeenAt.description, lastSeenAt.description, String(count),
      event.kind.rawValue, event.severity.rawValue, event.actor.identity ?? "",
      event.actor.issuer ?? "",
      event.actor.subject ?? "", event.actor.requestID ?? "", event.actor.requestIP ?? "",
      event.runnerID ?? "", event.runnerName ?? "", try JSONLine.text(event.data),
    ]
  }
}
