import Foundation
import GRDB

/// Brings `audit.jsonl` up to what the table has: after a crash, or a time when the file could not be written.
///
/// Lines that come late stand behind later ones; each record is in the file, or in one that it was rotated to, once.
struct AuditMirror {
  /// A moment at which the file was looked at.
  private struct Mark {
    /// Every record up to this one is in the file.
    var lastID: Int64
    /// No line of a later record stands before this place.
    var place: Place?
  }

  /// A place in a file, by what stands before it: the file may have another name by now.
  private struct Place: Equatable {
    let size: Int64
    let digest: String
  }

  /// How many lines are written at a time, while other writers wait.
  private static let step = 200

  let database: Database
  let file: AuditFile

  /// Returns how many records it has appended.
  func catchUp() throws -> Int {
    // Two that look before either writes would both write the same.
    let lock = try FileLock(path: database.path + ".mirror.lock")
    return try lock.exclusive(until: .now + FileLock.patience) { try catchUpAlone() }
  }

  private func catchUpAlone() throws -> Int {
    // Once the write lock is had, whoever committed a record up to here has also had their turn with the file.
    let found = try database.write { transaction in
      let mark = try Self.mark(transaction)
      let head = try transaction.auditLog.head()
      guard mark.lastID < head.id else { return nil as (Mark, Mark, [FileReader])? }
      let reader = try file.openForReading()
      let size = Int64(reader.status.st_size)
      let place = try reader.digest(before: size).map { Place(size: size, digest: $0) }
      return (mark, Mark(lastID: head.id, place: place), try [reader] + rotated(besides: reader))
    }
    guard let (old, new, readers) = found else { return 0 }
    let missing = try missing(from: readers, after: old, through: new.lastID)
    var count = 0
    for start in stride(from: 0, to: missing.count, by: Self.step) {
      count += try append(missing[start..<min(start + Self.step, missing.count)])
    }
    // Before it is said to be there.
    try file.synchronize()
    for reader in readers { try reader.synchronize() }
    try database.write { try Self.note(new, in: $0) }
    return count
  }

  private func append(_ ids: ArraySlice<Int64>) throws -> Int {
    try database.write { transaction in
      // What has been archived meanwhile is in the archive.
      return try ids.compactMap { try transaction.auditLog.record(id: $0) }
    } afterCommit: { records in
      try file.append(records)
    }.count
  }

  /// The ids in `(mark, last]` that no line has.
  private func missing(
    from readers: [FileReader], after mark: Mark, through last: Int64
  ) throws -> [Int64] {
    var isThere = [Bool](repeating: false, count: Int(last - mark.lastID))
    for reader in try fromPlace(mark.place, readers) {
      while let line = try reader.nextLine() {
        guard let id = AuditFileLine(line)?.id, id > mark.lastID, id <= last else { continue }
        isThere[Int(id - mark.lastID - 1)] = true
      }
    }
    return isThere.indices.filter { !isThere[$0] }.map { mark.lastID + 1 + Int64($0) }
  }

  /// The files that can have lines from after the place, each set to where those begin: all of them if it is not found.
  private func fromPlace(_ place: Place?, _ readers: [FileReader]) throws -> [FileReader] {
    guard let place else { return readers }
    var oldest: Int?
    for reader in readers where try reader.digest(before: place.size) == place.digest {
      reader.seek(to: place.size)
      oldest = max(oldest ?? 0, reader.status.st_mtim.tv_sec)
    }
    guard let oldest else { return readers }
    // With a second's grace to clocks that count coarsely.
    return readers.filter { $0.status.st_mtim.tv_sec >= oldest - 1 }
  }

  /// The files beside it to which it was rotated and that are not compressed: `audit.jsonl.1`, `audit.jsonl-20260131`.
  private func rotated(besides reader: FileReader) throws -> [FileReader] {
    let url = URL(fileURLWithPath: file.path)
    let name = url.lastPathComponent
    let folder = url.deletingLastPathComponent()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return names.filter { candidate in
      candidate.hasPrefix(name + ".") || candidate.hasPrefix(name + "-")
    }.filter { candidate in
      ![".gz", ".bz2", ".xz", ".zst"].contains { candidate.hasSuffix($0) }
    }.compactMap { try? FileReader(path: folder.appendingPathComponent($0).path) }
  }

  // MARK: - What is remembered

  private static func mark(_ transaction: Transaction) throws -> Mark {
    let row = try Row.fetchOne(
      transaction.database, sql: "SELECT last_id, size, end_sha256 FROM audit_mirror")
    guard let row else { return Mark(lastID: 0, place: nil) }
    let place = (row[1] as Int64?).flatMap { size in
      (row[2] as String?).map { Place(size: size, digest: $0) }
    }
    return Mark(lastID: row[0], place: place)
  }

  private static func note(_ mark: Mark, in transaction: Transaction) throws {
    try transaction.database.execute(
      sql: """
        INSERT INTO audit_mirror (id, last_id, size, end_sha256) VALUES (1, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id, size = excluded.size,
          end_sha256 = excluded.end_sha256
        """, arguments: [mark.lastID, mark.place?.size, mark.place?.digest])
  }
}

/// What of a line of the audit log's file tells which record it is.
struct AuditFileLine: Decodable {
  let id: Int64
  /// Lines from before the chain have none.
  let hash: String?

  /// nil for half a line, or another's.
  init?(_ line: ArraySlice<UInt8>) {
    guard let read = try? JSONDecoder().decode(Self.self, from: Data(line)) else { return nil }
    self = read
  }
}

extension Database {
  /// Appends to the audit log's file, or the new one where it was rotated, the records that it lacks. Returns how many.
  /// Writers are kept out for a few lines at a time. Throws `auditFileUnavailable` where the file cannot be written,
  /// `UnreadableFile` where it cannot be read; another call then goes on.
  @discardableResult
  public func catchUp(_ file: AuditFile) throws -> Int {
    try AuditMirror(database: self, file: file).catchUp()
  }
}
