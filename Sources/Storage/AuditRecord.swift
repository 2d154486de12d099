import Foundation
import GRDB
import Runners

/// A row of the audit log, just as it stands in the table.
public struct AuditRecord: Sendable, Equatable {
  /// The columns that say what happened, in the order in which the hash covers them.
  public enum Column: String, Sendable, CaseIterable {
    /// When it was recorded, in the form of `Timestamp`.
    case timestamp
    /// What happened: the raw value of an `AuditEvent.Kind`.
    case eventType = "event_type"
    /// Whether it came about: `1` or `0`.
    case success
    /// The error code that the caller saw, if one did.
    case errorCode = "error_code"
    /// What was wrong, for admins.
    case errorMessage = "error_message"
    /// What people call whoever did it; `cli:` and a user for commands, `system:` and a name for the service itself.
    case userIdentity = "user_identity"
    /// `iss` of their token.
    case issuer
    /// `sub` of their token.
    case oidcSub = "oidc_sub"
    /// `X-Request-ID` of the answer.
    case requestID = "request_id"
    /// The address that the web server saw.
    case requestIP = "request_ip"
    /// The beginning of what the client sent: anybody's text.
    case userAgent = "user_agent"
    /// Our id of the runner, not GitHub's.
    case runnerID = "runner_id"
    /// Its name. Where it was still to be generated, its prefix and `-*`.
    case runnerName = "runner_name"
    /// A JSON object.
    case eventData = "event_data"
  }

  /// Position in the table; rises by one with each record.
  public let id: Int64
  /// One for each column.
  let values: [String?]
  /// Of the record before, or what `AuditChain.beginning` is.
  public let previousHash: String
  /// What `AuditChain` makes of all the others.
  public let hash: String

  /// What stands in this column; nil for NULL.
  public subscript(column: Column) -> String? {
    Column.allCases.firstIndex(of: column).flatMap { values[$0] }
  }

  /// Whether `hash` covers what the record says.
  var matchesItsHash: Bool {
    get throws {
      // As bytes: two texts are equal where one only spells its characters in another way.
      try AuditChain.hash(id: id, values: values, previousHash: previousHash).utf8
        .elementsEqual(hash.utf8)
    }
  }
}

extension AuditRecord {
  /// The next record of a log that ends with `head`.
  init(_ event: AuditEvent, at time: Timestamp, id: Int64, after head: AuditHead) throws {
    let actor = event.actor
    let texts: [String?] = [
      time.description, event.kind.rawValue, event.success ? "1" : "0", event.errorCode,
      event.errorMessage, actor.identity, actor.issuer, actor.subject, actor.requestID,
      actor.requestIP, actor.userAgent, event.runnerID, event.runnerName,
      event.data.isEmpty ? nil : try AuditJSON.text(event.data),
    ]
    self.id = id
    // The database ends a text at a NUL, and what is not stored must not be in the hash.
    values = texts.map { $0?.replacing("\0", with: "\u{FFFD}") }
    previousHash = head.hash
    hash = try AuditChain.hash(id: id, values: values, previousHash: head.hash)
  }
}

extension AuditRecord {
  /// For `init(row:)`, in its order.
  static let selection =
    (["id", StoredText.selection("prev_hash"), StoredText.selection("hash")]
    + Column.allCases.map { column in
      column == .success
        ? StoredText.selection(column.rawValue, types: "'integer'")
        : StoredText.selection(column.rawValue)
    }).joined(separator: ", ")

  /// Throws `AuditFault.unreadable` for a row that this program cannot have written.
  init(row: Row) throws {
    let id: Int64 = row[0]
    guard let previousHash = try? StoredText.value(row, 1),
      let hash = try? StoredText.value(row, 2),
      let values = try? Column.allCases.indices.map({ try StoredText.value(row, 3 + $0) })
    else { throw AuditFault.unreadable(id) }
    self.init(id: id, values: values, previousHash: previousHash, hash: hash)
  }
}
