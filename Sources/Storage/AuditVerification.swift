import GRDB
import Runners

/// What a verified part of the audit log is like.
public struct VerifiedAuditLog: Sendable, Equatable {
  /// How many rows were verified.
  public let rows: Int
  /// The id of its first row; one more than that of the head where there is none.
  public let firstID: Int64
  /// Its last row; where it has none, what the next one continues from.
  public let head: AuditHead

  public init(rows: Int, firstID: Int64, head: AuditHead) {
    self.rows = rows
    self.firstID = firstID
    self.head = head
  }
}

/// Follows the chain from row to row.
struct AuditChainWalk {
  private(set) var rows = 0
  /// Where the walk has come to.
  private(set) var head: AuditHead
  private(set) var start: AuditHead
  private var expectedHash: String?

  /// `expectedHash` is a head that was noted earlier.
  init(from start: AuditHead, expecting expectedHash: String? = nil) {
    self.start = start
    head = start
    self.expectedHash = expectedHash == start.hash ? nil : expectedHash
  }

  /// Goes on to the next row. Throws `AuditFault` if it does not continue from the one before.
  mutating func step(to record: AuditRecord) throws {
    guard record.id == head.id + 1 else {
      throw AuditFault.removed(head.id + 1...max(head.id + 1, record.id - 1))
    }
    guard try record.matchesItsHash else { throw AuditFault.edited(record.id) }
    guard record.previousHash.utf8.elementsEqual(head.hash.utf8) else {
      throw rows == 0 ? AuditFault.disjoined(record.id) : AuditFault.replaced(head.id)
    }
    head = AuditHead(id: record.id, hash: record.hash)
    rows += 1
    if expectedHash == record.hash { expectedHash = nil }
  }

  /// Goes on after the rows up to `archived`, which went to an archive while the walk was on its way. A head that was met
  /// before stays met.
  mutating func skip(to archived: AuditHead) {
    start = archived
    head = archived
    rows = 0
    if expectedHash == archived.hash { expectedHash = nil }
  }

  /// Throws `headMissing` if the head that was noted earlier was not met.
  func end() throws -> VerifiedAuditLog {
    if let expectedHash {
      throw AuditFault.headMissing(
        expectedHash, archivedThrough: start.id == 0 ? nil : start.id)
    }
    return VerifiedAuditLog(rows: rows, firstID: start.id + 1, head: head)
  }
}

/// Rows that are verified with one snapshot.
private let pageSize = 2000

extension ReadableDatabase {
  /// Follows the whole chain of the table, in pages: each is a snapshot of its own, so that no checkpoint has to wait, and
  /// workers may write meanwhile. Throws the first `AuditFault`.
  ///
  /// - Parameters:
  ///   - head: a hash noted earlier: it must still be in the chain.
  ///   - onProgress: called with the rows done and the rows there are.
  public func verifyAuditLog(
    head: String? = nil, onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> VerifiedAuditLog {
    let (start, highest) = try read {
      (try $0.auditLog.verifiedStart(), try $0.auditLog.highestID())
    }
    var walk = AuditChainWalk(from: start, expecting: head)
    var recorded: [String: RecordedArchive] = [:]
    while true {
      let isEnd = try read { transaction in
        let (page, fault) = try transaction.auditLog.readableRecords(
          after: walk.head.id, limit: pageSize)
        // What was archived while the walk went on is not missing.
        if let moved = try transaction.auditLog.anchor(), moved.lastID > walk.head.id {
          walk.skip(to: moved.head)
          return false
        }
        for record in page {
          do { try walk.step(to: record) } catch AuditFault.edited(let id) {
            throw try transaction.auditLog.originOfRow(id)
          }
          // The first is the true one: its transaction also made the anchor.
          if let archive = record.recordedArchive, recorded[archive.sha256] == nil {
            recorded[archive.sha256] = archive
          }
        }
        if let fault { throw fault }
        if page.isEmpty { try transaction.auditLog.checkEnd(walk.head, recorded: recorded) }
        return page.isEmpty
      }
      if isEnd { return try walk.end() }
      onProgress(walk.rows, max(walk.rows, Int(highest - walk.start.id)))
    }
  }
}

extension AuditLogStore {
  /// The row that the table's first one continues from. Throws unless each archive continues from the one before, and if
  /// a row stands where all are archived.
  func verifiedStart() throws -> AuditHead {
    var start = AuditHead(id: 0, hash: AuditChain.beginning)
    for anchor in try anchors() {
      guard anchor.firstID == start.id + 1, anchor.previousHash == start.hash,
        anchor.firstID <= anchor.lastID, anchor.lastID < .max
      else { throw AuditFault.archivesDisjoined(anchor.firstID) }
      start = anchor.head
    }
    if let lowest = try lowestID(), lowest <= start.id { throw AuditFault.misplaced(lowest) }
    return start
  }

  /// The rows up to one that cannot be read, and what is wrong with that.
  fileprivate func readableRecords(
    after id: Int64, limit: Int
  ) throws -> (records: [AuditRecord], fault: AuditFault?) {
    do { return (try records(after: id, limit: limit), nil) } catch AuditFault.unreadable(let bad) {
      return (try records(after: id, before: bad, limit: limit), .unreadable(bad))
    }
  }

  /// For a row that does not match its hash: what has become of it.
  fileprivate func originOfRow(_ id: Int64) throws -> AuditFault {
    guard let record = try record(id: id), let before = try self.id(hash: record.previousHash),
      before + 1 != id,
      try AuditChain.hash(
        id: before + 1, values: record.values, previousHash: record.previousHash) == record.hash
    else { return .edited(id) }
    return .moved(id, writtenAs: before + 1)
  }

  /// Throws if there were rows after the last, or if what is archived was not recorded so.
  fileprivate func checkEnd(
    _ head: AuditHead, recorded: [String: RecordedArchive]
  ) throws {
    let highest = try highestID()
    guard highest <= head.id else { throw AuditFault.cutOff(head.id + 1...highest) }
    // Once more: the walk does not come by what was put behind it.
    _ = try verifiedStart()
    // The last one's record is always in the table; those of the others may be archived.
    let anchors = try anchors()
    if let last = anchors.last, recorded[last.archiveSHA256] == nil {
      throw AuditFault.unrecordedArchive(through: last.lastID)
    }
    for anchor in anchors {
      guard let archive = recorded[anchor.archiveSHA256], !archive.covers(anchor) else { continue }
      throw AuditFault.otherArchive(through: anchor.lastID, recordedThrough: archive.head.id)
    }
  }
}
