/// What was found in a file of the audit log that is as the table.
public struct VerifiedMirror: Sendable, Equatable {
  /// How many lines were compared: those whose rows are archived were not.
  public private(set) var lines = 0
  private var ids = RangeSet<Int64>()

  /// Of no file yet.
  public init() {}

  /// Adds what another file has: late lines stand in later files.
  public mutating func add(_ other: VerifiedMirror) {
    lines += other.lines
    ids.formUnion(other.ids)
  }

  /// The records between the lowest and the highest that no line has: how many, and the first.
  public var missing: (count: Int64, first: Int64)? {
    let gaps = zip(ids.ranges, ids.ranges.dropFirst()).map { $0.upperBound..<$1.lowerBound }
    guard let first = gaps.first?.lowerBound else { return nil }
    return (gaps.reduce(0) { $0 + $1.upperBound - $1.lowerBound }, first)
  }

  fileprivate mutating func add(_ id: Int64, wasCompared: Bool) {
    ids.insert(contentsOf: id..<id + 1)
    if wasCompared { lines += 1 }
  }
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
          let differs = AuditFault.mirrorDiffers(id: read.id, line: number, path: path)
          guard (1..<Int64.max).contains(read.id) else { throw differs }
          if read.id > archived {
            // As bytes: two texts are equal where one only spells its accents in another way.
            guard
              try transaction.auditLog.record(id: read.id)?.line().utf8.dropLast()
                .elementsEqual(line) == true
            else { throw differs }
          }
          mirror.add(read.id, wasCompared: read.id > archived)
        }
      }
      onProgress(number)
    }
  }
}
