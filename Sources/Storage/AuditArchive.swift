import Foundation
import JOSE
public import Runners

/// The oldest part of the audit log, on its way to a file: first all of it is written, then its rows go.
public struct AuditArchive: Sendable {
  /// What the file holds.
  public let content: VerifiedAuditLog
  /// Of the file.
  public let sha256: String
  /// The heads of the parts in which the rows are removed.
  private let steps: [AuditHead]

  /// How many rows go in one transaction: other writers wait that long.
  private static let step = 2000

  /// Writes the rows that stand before the first one of `date` or later, a line each, and verifies them as it goes. Throws
  /// `AuditFault`, and what `write` throws.
  ///
  /// Returns nil where there is no such row.
  public init?(
    of database: Database, before date: Timestamp,
    onProgress: (_ rows: Int) -> Void = { _ in }, write: (String) throws -> Void
  ) throws {
    var walk = AuditChainWalk(from: try database.read { try $0.auditLog.verifiedStart() })
    let digest = try RunningDigest()
    var steps: [AuditHead] = []
    while true {
      let last = walk.head.id
      let page = try database.read { try $0.auditLog.records(after: last, limit: Self.step) }
      let old = page.prefix { ($0[.timestamp].flatMap { Timestamp($0) } ?? date) < date }
      for record in old {
        try walk.step(to: record)
        let line = try record.archived() + "\n"
        try digest.add(Array(line.utf8))
        try write(line)
      }
      if !old.isEmpty { steps.append(walk.head) }
      onProgress(walk.rows)
      if old.count < Self.step { break }
    }
    guard walk.rows > 0 else { return nil }
    content = try walk.end()
    sha256 = try digest.finish()
    self.steps = steps
  }

  /// Removes the rows, once the file is safe on disk and the audit log's file has them (`Database.catchUp`): what that lacks
  /// could not be taken from the table any more. If it is interrupted, the rest of them stay, and the log is whole all the
  /// same.
  public func removeRows(
    from database: Database, auditedIn file: AuditFile, by actor: AuditEvent.Actor,
    onProgress: (_ rows: Int) throws -> Void = { _ in }
  ) throws {
    for (index, head) in steps.enumerated() {
      try database.write(auditedIn: file) { transaction, record in
        if index == 0 {
          try record(.archive(sha256, from: content.firstID, through: content.head, by: actor))
        }
        try transaction.auditLog.remove(through: head, archive: sha256)
      }
      try onProgress(Int(head.id - content.firstID + 1))
    }
  }
}

// MARK: - Reading one

extension AuditArchive {
  /// Verifies the file of an archive by itself, and that the table continues from it. Throws the first `AuditFault`.
  ///
  /// - Parameters:
  ///   - path: of the archive's file.
  ///   - database: whose log was archived.
  ///   - head: a hash noted earlier: a row of the archive must have it.
  ///   - onProgress: is told now and then how many rows have been read.
  public static func verify(
    path: String, against database: any ReadableDatabase, head: String? = nil,
    onProgress: (_ rows: Int) -> Void = { _ in }
  ) throws -> VerifiedAuditLog {
    let reader = try FileReader(path: path)
    let digest = try RunningDigest()
    var walk: AuditChainWalk?
    var heads: [Int64: String] = [:]
    var number = 0
    while let line = try reader.nextLine() {
      number += 1
      try digest.add(Array(line) + [UInt8(ascii: "\n")])
      guard let record = AuditRecord(archived: line) else {
        throw AuditFault.archiveUnreadable(line: number, path: path)
      }
      var next =
        walk
        ?? AuditChainWalk(
          from: AuditHead(id: record.id - 1, hash: record.previousHash), expecting: head)
      try next.step(to: record)
      walk = next
      if number % step == 0 { heads[record.id] = record.hash }
      onProgress(number)
    }
    guard let walk else { throw AuditFault.archiveUnknown(path: path) }
    heads[walk.head.id] = walk.head.hash
    let sha256 = try digest.finish()
    let anchor = try database.read { try $0.auditLog.anchor(archive: sha256) }
    // Where removing the rows was interrupted, the anchor stands at the end of a step.
    guard let anchor, anchor.firstID == walk.start.id + 1, anchor.previousHash == walk.start.hash,
      heads[anchor.lastID] == anchor.hash
    else { throw AuditFault.archiveUnknown(path: path) }
    return try walk.end()
  }
}

extension AuditRecord {
  /// Reads what `archived()` wrote; nil for any other line.
  fileprivate init?(archived line: ArraySlice<UInt8>) {
    guard let row = try? JSONDecoder().decode(ArchivedRow.self, from: Data(line)) else {
      return nil
    }
    id = row.id
    values = row.values
    previousHash = row.previousHash
    hash = row.hash
  }
}

private struct ArchivedRow: Decodable {
  let id: Int64
  let previousHash: String
  let hash: String
  let values: [String?]

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    id = try container.decode(Int64.self, forKey: Key("id"))
    guard (1..<Int64.max).contains(id) else {
      throw DecodingError.dataCorruptedError(
        forKey: Key("id"), in: container, debugDescription: "no row has this id")
    }
    previousHash = try container.decode(String.self, forKey: Key("prev_hash"))
    hash = try container.decode(String.self, forKey: Key("hash"))
    values = try AuditRecord.Column.allCases.map { column in
      let key = Key(column.rawValue)
      guard column == .success else {
        return try container.decodeIfPresent(String.self, forKey: key)
      }
      return try container.decode(Bool.self, forKey: key) ? "1" : "0"
    }
  }
}
