/// What was found in files of the audit log whose lines are as the table.
public struct VerifiedMirror: Sendable {
  /// How many lines were compared: those whose rows are archived were not.
  public private(set) var lines = 0
  private var ids = RangeSet<Int64>()
  /// How many lines are of a record that another has told of, and the lowest such record.
  private(set) var doubled: (count: Int64, first: Int64)?

  /// Of no file yet.
  public init() {}

  /// Adds what another file has: late lines stand in later files.
  public mutating func add(_ other: VerifiedMirror) {
    lines += other.lines
    if let doubled = other.doubled { addDoubled(doubled.count, doubled.first) }
    let common = ids.intersection(other.ids)
    if let first = common.ranges.first?.lowerBound {
      addDoubled(common.ranges.reduce(0) { $0 + $1.count64 }, first)
    }
    ids.formUnion(other.ids)
  }

  private mutating func addDoubled(_ count: Int64, _ first: Int64) {
    doubled = ((doubled?.count ?? 0) + count, min(doubled?.first ?? first, first))
  }

  /// The lowest and the highest record that has a line; nil if there is no line.
  public var span: ClosedRange<Int64>? {
    guard let first = ids.ranges.first, let last = ids.ranges.last else { return nil }
    return first.lowerBound...last.upperBound - 1
  }

  /// The records between the lowest and the highest that no line has: how many, and the first.
  public var missing: (count: Int64, first: Int64)? {
    let gaps = zip(ids.ranges, ids.ranges.dropFirst()).map { $0.upperBound..<$1.lowerBound }
    guard let first = gaps.first?.lowerBound else { return nil }
    return (gaps.reduce(0) { $0 + $1.count64 }, first)
  }

  fileprivate mutating func add(_ id: Int64, wasCompared: Bool) {
    if ids.contains(id) { addDoubled(1, id) }
    ids.insert(contentsOf: id..<id + 1)
    if wasCompared { lines += 1 }
  }
}

extension Range<Int64> {
  fileprivate var count64: Int64 { upperBound - lowerBound }
}

/// Lines that are compared with one snapshot of the table.
private let mirrorPageSize = 1000

extension ReadableDatabase {
  /// Compares each line of a file of the audit log with what its row's line is. Where the row is archived, there is
  /// nothing to compare with. Throws the first `AuditFault.mirrorDiffers`, and `UnreadableFile`.
  public func verifyMirror(
    path: String, onProgress: (_ lines: Int) -> Void = { _ in }
  ) throws -> VerifiedMirror {
    let reader = try FileReader(path: path)
    var mirror = VerifiedMirror()
    var number = 0
    while true {
      var page: [(number: Int, line: [UInt8], read: AuditFileLine)] = []
      while page.count < mirrorPageSize, let line = try reader.nextLine() {
        number += 1
        guard let read = AuditFileLine(line) else {
          throw AuditFault.mirrorDiffers(id: nil, line: number, path: path)
        }
        page.append((number, Array(line), read))
      }
      if page.isEmpty { return mirror }
      try read { transaction in
        let archived = try transaction.auditLog.anchor()?.lastID ?? 0
        for (number, line, read) in page {
          var differs: AuditFault {
            get throws {
              guard let restore = try transaction.auditLog.lastRestore(),
                read.id > restore.backupLastID
              else { return .mirrorDiffers(id: read.id, line: number, path: path) }
              return .mirrorBeforeRestore(
                id: read.id, line: number, path: path, record: restore.record,
                last: restore.backupLastID)
            }
          }
          guard (1..<Int64.max).contains(read.id) else { throw try differs }
          if read.id > archived {
            // As bytes: two texts are equal where one only spells its accents in another way.
            guard
              try transaction.auditLog.record(id: read.id)?.line().utf8.dropLast()
                .elementsEqual(line) == true
            else { throw try differs }
          }
          mirror.add(read.id, wasCompared: read.id > archived)
        }
      }
      onProgress(number)
    }
  }
}
