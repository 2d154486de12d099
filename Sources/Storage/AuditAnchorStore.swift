import GRDB
import Runners

/// What an archive holds, and where the table continues from.
public struct AuditAnchor: Sendable, Equatable {
  /// Of the archive's file.
  public let archiveSHA256: String
  /// The first row that is gone.
  public let firstID: Int64
  /// What the row `firstID` continued from.
  let previousHash: String
  /// The last row that is gone.
  public let lastID: Int64
  /// Of the row `lastID`.
  let hash: String

  /// What the table continues from.
  var head: AuditHead { AuditHead(id: lastID, hash: hash) }
}

extension AuditLogStore {
  /// The last one.
  public func anchor() throws -> AuditAnchor? {
    try anchors("ORDER BY last_id DESC LIMIT 1", []).first
  }

  func anchor(archive sha256: String) throws -> AuditAnchor? {
    try anchors("WHERE archive_sha256 = ?", [sha256]).first
  }

  /// Oldest first.
  public func anchors() throws -> [AuditAnchor] {
    try anchors("ORDER BY last_id", [])
  }

  private func anchors(
    _ condition: String, _ arguments: StatementArguments
  ) throws -> [AuditAnchor] {
    let texts = ["archive_sha256", "prev_hash", "hash"].map { StoredText.selection($0) }
    let statement = try database.cachedStatement(
      sql: """
        SELECT first_id, last_id, \(texts.joined(separator: ", ")) FROM audit_anchors \(condition)
        """)
    return try Row.fetchAll(statement, arguments: arguments).map { row in
      guard let sha256 = try? StoredText.value(row, 2),
        let previousHash = try? StoredText.value(row, 3), let hash = try? StoredText.value(row, 4)
      else { throw AuditFault.archivesDisjoined(row[0]) }
      return AuditAnchor(
        archiveSHA256: sha256, firstID: row[0], previousHash: previousHash, lastID: row[1],
        hash: hash)
    }
  }

  /// Deletes the rows up to `head`, which are in an archive, and lets the table continue from there. Throws
  /// `databaseUnavailable` unless the rows that are there begin with those and continue from what was archived before.
  func remove(through head: AuditHead, archive sha256: String) throws {
    let start = try anchor()?.head ?? AuditHead(id: 0, hash: AuditChain.beginning)
    guard start.id < head.id, try lowestID() == start.id + 1,
      try record(id: start.id + 1)?.previousHash == start.hash, try hash(id: head.id) == head.hash
    else {
      throw StorageError.databaseUnavailable(
        "the audit log is not what it was when its archive was written; is it being archived twice?"
      )
    }
    try database.run(
      sql: """
        INSERT INTO audit_anchors (archive_sha256, first_id, prev_hash, last_id, hash, archived_at)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (archive_sha256) DO UPDATE SET last_id = excluded.last_id, hash = excluded.hash
        """,
      arguments: [
        sha256, start.id + 1, start.hash, head.id, head.hash, now.description,
      ])
    try database.run(sql: "DELETE FROM audit_log WHERE id <= ?", arguments: [head.id])
  }
}

extension AuditEvent {
  /// An archive of the rows `firstID` to `head` that was written.
  static func archive(
    _ sha256: String, from firstID: Int64, through head: AuditHead, by actor: Actor
  ) -> AuditEvent {
    AuditEvent(
      .archive, actor: actor,
      data: [
        "archive_sha256": .text(sha256), "first_id": .number(firstID), "last_id": .number(head.id),
        "hash": .text(head.hash),
      ])
  }
}

/// What the log itself says of an archive, in the record of its writing.
struct RecordedArchive: Sendable, Equatable {
  let sha256: String
  let firstID: Int64
  let head: AuditHead

  /// Whether its rows can be gone as far as the anchor says: to the end, or to a step before at which it was interrupted.
  func covers(_ anchor: AuditAnchor) -> Bool {
    anchor.firstID == firstID && anchor.lastID <= head.id
      && (anchor.lastID < head.id || anchor.hash == head.hash)
  }
}

extension AuditRecord {
  /// The archive whose writing it records.
  var recordedArchive: RecordedArchive? {
    guard self[.eventType] == AuditEvent.Kind.archive.rawValue,
      let data = AuditJSON.values(self[.eventData]),
      case .text(let sha256) = data["archive_sha256"], case .text(let hash) = data["hash"],
      case .number(let first) = data["first_id"], case .number(let last) = data["last_id"]
    else { return nil }
    return RecordedArchive(
      sha256: sha256, firstID: first, head: AuditHead(id: last, hash: hash))
  }
}
