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

  func catchUp() throws -> CaughtUpMirror {
    // Two that look before either writes would both write the same.
    let lock = try FileLock(path: database.path + ".mirror.lock")
    return try lock.exclusive(until: .now + FileLock.patience) { try catchUpAlone() }
  }

  private func catchUpAlone() throws -> CaughtUpMirror {
    var found: (new: Mark, readers: [FileReader])?
    let (old, last) = try database.write { transaction in
      let (mark, head) = (try Self.mark(transaction), try transaction.auditLog.head())
      guard head.id < .max else { throw AuditFault.misplaced(head.id) }
      return (mark, head.id)
    } afterCommit: { mark, last in
      guard mark.lastID < last else { return }
      // Whoever committed a record up to here has also had their turn with the file, and nobody who did so later.
      let reader = try file.openForReading()
      let size = Int64(reader.status.st_size)
      let place = try reader.digest(before: size).map { Place(size: size, digest: $0) }
      found = (Mark(lastID: last, place: place), try [reader] + rotatedFiles())
    }
    guard let (new, readers) = found else { return CaughtUpMirror(records: 0) }
    let (missing, undecided) = try missing(from: readers, after: old, through: last)
    var count = 0
    for start in stride(from: 0, to: missing.count, by: Self.step) {
      count += try append(missing[start..<min(start + Self.step, missing.count)])
    }
    // Before it is said to be there.
    try file.synchronize()
    for reader in readers { try reader.synchronize() }
    // An empty file has no place to be known by later: then what was known of those before it is all that there is.
    if new.place != nil || old.place == nil {
      try database.write { try Self.note(new, in: $0) }
    }
    return CaughtUpMirror(records: count, undecided: undecided)
  }

  private func append(_ ids: ArraySlice<Int64>) throws -> Int {
    try database.write { transaction in
      // What has been archived meanwhile is in the archive.
      return try ids.compactMap { try transaction.auditLog.record(id: $0) }
    } afterCommit: { records in
      try file.append(records)
    }.count
  }

  /// The ids in `(mark, last]` that no line has, and those of which a line may be in a file that is not there to be read.
  private func missing(
    from readers: [FileReader], after mark: Mark, through last: Int64
  ) throws -> (ids: [Int64], undecided: ClosedRange<Int64>?) {
    let (readers, isPlaceFound) = try fromPlace(mark.place, readers)
    var found = RangeSet<Int64>()
    for reader in readers {
      while let line = try reader.nextLine() {
        guard let id = AuditFileLine(line)?.id, id > mark.lastID, id <= last else { continue }
        found.insert(contentsOf: id..<id + 1)
      }
    }
    // The file that has the place went on until it was rotated away: up to the first line that is in another.
    let decided = isPlaceFound ? mark.lastID : (found.ranges.first?.lowerBound ?? last + 1) - 1
    let ids = try existing(after: decided, through: last).filter { !found.contains($0) }
    return (ids, decided == mark.lastID ? nil : mark.lastID + 1...decided)
  }

  /// The ids that the table has: where somebody set its counter ahead, many that it has not lie between two of them.
  private func existing(after first: Int64, through last: Int64) throws -> [Int64] {
    var ids: [Int64] = []
    while true {
      let page = try database.read {
        try $0.auditLog.ids(after: ids.last ?? first, through: last, limit: 10_000)
      }
      ids += page
      if page.isEmpty { return ids }
    }
  }

  /// The files that can have lines from after the place, each set to where those begin.
  ///
  /// If the place is in the file itself, everything after it is there too. If not, the file was rotated away: then
  /// the others are read, from the place those that have it. No file is left out by its times: clocks are set back, and
  /// whoever copies a file gives the copy any time.
  private func fromPlace(
    _ place: Place?, _ readers: [FileReader]
  ) throws -> (readers: [FileReader], isFound: Bool) {
    guard let place else { return (readers, true) }
    var isFound = false
    for reader in readers where try reader.digest(before: place.size) == place.digest {
      reader.seek(to: place.size)
      if reader === readers.first { return ([reader], true) }
      isFound = true
    }
    return (readers, isFound)
  }

  /// The files to which it was rotated and that are not compressed.
  private func rotatedFiles() throws -> [FileReader] {
    let url = URL(fileURLWithPath: file.path)
    let folder = url.deletingLastPathComponent()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return names.filter { Self.isRotated($0, from: url.lastPathComponent) }
      .compactMap { try? FileReader(path: folder.appendingPathComponent($0).path) }
  }

  /// Before the date, in the name under which a restoration puts the file aside: the numbers of its lines are given out anew.
  static let setAside = "-before-restore-"

  /// As logrotate names them: `audit.jsonl.1`, with `dateext` `audit.jsonl-20260131`, with `extension .jsonl`
  /// `audit.1.jsonl` and `audit-20260131.jsonl`. Not what a restoration has put aside.
  static func isRotated(_ candidate: String, from name: String) -> Bool {
    let ending = name.lastIndex(of: ".").map { name[$0...] } ?? ""
    let base = name.dropLast(ending.count)
    func begins(_ start: some StringProtocol) -> Bool {
      candidate.hasPrefix(start + ".") || candidate.hasPrefix(start + "-")
    }
    return candidate != name && !candidate.hasPrefix(base + setAside)
      && !compressedEndings.contains { candidate.hasSuffix($0) }
      && (begins(name) || (!ending.isEmpty && begins(base) && candidate.hasSuffix(ending)))
  }

  private static let compressedEndings = [".gz", ".bz2", ".xz", ".zst", ".Z", ".lz4", ".lzma"]

  // MARK: - What is remembered

  private static func mark(_ transaction: Transaction) throws -> Mark {
    let row = try transaction.database.row(
      sql: "SELECT last_id, size, end_sha256 FROM audit_mirror")
    guard let row else { return Mark(lastID: 0, place: nil) }
    let place = (row[1] as Int64?).flatMap { size in
      (row[2] as String?).map { Place(size: size, digest: $0) }
    }
    // Anybody who can write the database can put anything there.
    return Mark(lastID: max(0, row[0]), place: place)
  }

  private static func note(_ mark: Mark, in transaction: Transaction) throws {
    try transaction.database.run(
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
  let hash: String

  /// nil for half a line, or another's.
  init?(_ line: ArraySlice<UInt8>) {
    guard let read = try? JSONDecoder().decode(Self.self, from: Data(line)) else { return nil }
    self = read
  }
}

/// What it took to bring the audit log's file up to date.
public struct CaughtUpMirror: Sendable, Equatable {
  /// How many were appended.
  public let records: Int
  /// These may have their lines in a file that cannot be found: it was compressed, moved or removed as soon as it was
  /// rotated. They were not appended, so that no line is there twice.
  public var undecided: ClosedRange<Int64>?
}

extension CaughtUpMirror {
  /// For admins; nil where there is nothing to say.
  public var warning: String? {
    undecided.map { ids in
      "the file to which the audit log's file was rotated cannot be found: whether records \(ids.lowerBound) to "
        + "\(ids.upperBound) have their lines is not known; logrotate needs delaycompress and no olddir"
    }
  }
}

extension Database {
  /// Appends to the audit log's file, or the new one where it was rotated, the records that it lacks.
  /// Writers are kept out for a few lines at a time. Throws `auditFileUnavailable` where the file cannot be written,
  /// `UnreadableFile` where it cannot be read; another call then goes on.
  @discardableResult
  public func catchUp(_ file: AuditFile) throws -> CaughtUpMirror {
    try AuditMirror(database: self, file: file).catchUp()
  }
}
