/// What is wrong with the audit log's files taken together, though each of their lines is as in the table.
public enum AuditMirrorFault: Sendable, Equatable {
  /// Between their lowest and their highest record.
  case missing(count: Int64, first: Int64)
  /// So many lines are of records that another line tells of.
  case doubled(count: Int64, first: Int64)
  /// The table has later records, up to this one, that were made long enough ago; `after` is 0 where there is no line at all.
  case endsEarly(after: Int64, last: Int64)
}

extension AuditMirrorFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let count, let first):
      "\(count) records have no line between others that have one, the first \(first)"
    case .doubled(let count, let first):
      "\(count) lines are of records that another line has, the first of record \(first)"
    case .endsEarly(let end, let last):
      "\(end == 0 ? "there is no line" : "the last line is of record \(end)"), and the table goes on to \(last)"
    }
  }
}

extension VerifiedMirror {
  /// Everything that is wrong with the files.
  /// - Parameter due: the last record that must have its line by now.
  public func faults(due: Int64) -> [AuditMirrorFault] {
    var faults: [AuditMirrorFault] = []
    if let missing { faults.append(.missing(count: missing.count, first: missing.first)) }
    if let doubled { faults.append(.doubled(count: doubled.count, first: doubled.first)) }
    let end = span?.upperBound ?? 0
    if end < due { faults.append(.endsEarly(after: end, last: due)) }
    return faults
  }
}
