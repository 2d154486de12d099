import Runners

/// Comma-separated values (RFC 4180), safe to open in a spreadsheet.
enum CSV {
  static func line(_ cells: [String]) -> String {
    cells.map(cell).joined(separator: ",") + "\r\n"
  }

  private static func cell(_ text: String) -> String {
    let safe = (mayBeFormula(text) ? "'" : "") + text.visible
    return "\"" + safe.replacing(scalars: ["\"": "\"\""]) + "\""
  }

  /// A spreadsheet skips blanks and control characters before it looks for a formula, and some take the full-width signs
  /// of East Asian input for the others. A tab or a line's end at the start is taken for the end of the cell before by some.
  private static func mayBeFormula(_ text: String) -> Bool {
    guard let start = text.unicodeScalars.first else { return false }
    if "\t\r\n".unicodeScalars.contains(start) { return true }
    let first = text.unicodeScalars.first { scalar in
      ![.control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator]
        .contains(scalar.properties.generalCategory)
    }
    return first.map { "=+-@\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".unicodeScalars.contains($0) } ?? false
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
