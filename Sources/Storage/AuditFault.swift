/// The first thing that is wrong with an audit log. Rows are named by their ids.
public enum AuditFault: Error, Sendable, Equatable {
  /// The row does not match its own hash.
  case edited(Int64)
  /// The row is what was written as another.
  case moved(Int64, writtenAs: Int64)
  /// It holds what this program does not write.
  case unreadable(Int64)
  /// The row is whole in itself, but the next one continues from another.
  case replaced(Int64)
  /// The first row there is does not continue from the beginning, or from what was archived.
  case disjoined(Int64)
  /// There is no row of these ids, though there is one after them.
  case removed(ClosedRange<Int64>)
  /// They were the last.
  case cutOff(ClosedRange<Int64>)
  /// Rows up to this one are said to be archived, but the log has no record of it.
  case unrecordedArchive(through: Int64)
  /// The same, where the log's record is of an archive of other rows.
  case otherArchive(through: Int64, recordedThrough: Int64)
  /// What is said to be archived from this row on does not continue from what was archived before.
  case archivesDisjoined(Int64)
  /// The row stands where none can: before the first one, or among those that were archived.
  case misplaced(Int64)
  /// No row has the hash that was noted earlier; rows up to `archivedThrough` are not in the table to have it.
  case headMissing(String, archivedThrough: Int64? = nil)
  /// The line of the file with this id, or without one that can be read, is not the row of the table.
  case mirrorDiffers(id: Int64?, line: Int, path: String)
  /// The same for a line that was lost to a restore, of which the row `record` tells: it took the log back to the row `last`.
  case mirrorBeforeRestore(id: Int64, line: Int, path: String, record: Int64, last: Int64)
  /// The file of an archive is not the one that was written.
  case archiveUnreadable(line: Int, path: String)
  /// The file is whole in itself or empty, and no archive that this log continues from.
  case archiveUnknown(path: String)
}

extension AuditFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .edited(let id): "row \(id) was edited: it does not match its hash"
    case .moved(let id, let other): "row \(id) was swapped: it is what was written as row \(other)"
    case .unreadable(let id): "row \(id) was edited: it holds what was never written"
    case .replaced(let id):
      "row \(id) was replaced: row \(id + 1) continues from another one"
    case .disjoined(let id):
      "row \(id) does not continue from the rows that were archived or, if none were, from the beginning"
    case .removed(let rows): "\(Self.text(rows)) removed"
    case .cutOff(let rows): "\(Self.text(rows)) cut off at the end"
    case .unrecordedArchive(let id):
      "rows up to \(id) are gone and said to be archived, but the log has no record of that"
    case .otherArchive(let id, let recorded):
      "rows up to \(id) are gone and said to be archived, but the log recorded another archive, up to row \(recorded)"
    case .archivesDisjoined(let id):
      "what is said to be archived from row \(id) on does not continue from what was archived before"
    case .misplaced(let id):
      "row \(id) was put before the first row of the log, where nothing is written"
    case .headMissing(let hash, nil):
      "no row has the hash \(hash): rows up to it were changed or cut off"
    case .headMissing(let hash, let id?):
      "no row has the hash \(hash): unless an archive of the rows up to \(id) has it (verify each with --archive and --head), rows up to it were changed or cut off"
    case .mirrorDiffers(let id?, let line, let path):
      "\(path), line \(line): it is not what row \(id) of the table says, or there is no such row"
    case .mirrorBeforeRestore(let id, let line, let path, let record, let last):
      "\(path), line \(line): it is not what row \(id) of the table says, or there is no such row. Row \(record) tells of a restore, to a backup that ended with row \(last): a file that was put aside then has lines after it that the table lost, and only those up to it can be compared"
    case .mirrorDiffers(nil, let line, let path): "\(path), line \(line): not an audit record"
    case .archiveUnreadable(let line, let path): "\(path), line \(line): not an archived row"
    case .archiveUnknown(let path): "\(path) is not an archive that this audit log continues from"
    }
  }

  private static func text(_ rows: ClosedRange<Int64>) -> String {
    rows.count == 1
      ? "row \(rows.lowerBound) was" : "rows \(rows.lowerBound) to \(rows.upperBound) were"
  }
}
