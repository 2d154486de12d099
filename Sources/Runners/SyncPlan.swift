/// What follows from GitHub's whole list of runners: a pure decision over what is known here.
public struct SyncPlan: Sendable {
  /// A runner that GitHub shows otherwise than it is known here.
  public struct Change: Sendable, Equatable {
    /// As it is known here. The change is dropped where the row is no longer this.
    public let before: Runner
    /// As it is to be stored.
    public let after: Runner
    /// In what it is not what was granted; nil where it is, and where it was not judged.
    public let violation: GrantViolation?

    /// From what is known here to what is to be stored, with what was not granted, if anything.
    public init(from before: Runner, to after: Runner, violation: GrantViolation? = nil) {
      self.before = before
      self.after = after
      self.violation = violation
    }
  }

  /// In the order of the rows.
  public let changes: [Change]
  /// Runners that the list lacks though they should be there, and those whose time to come has passed. Lists shift while
  /// they are read: one that lacks a runner does not yet prove that it is gone.
  public let missing: [Runner]
  /// The ids here of runners that the list has.
  public let present: Set<String>
  /// Runners that are nobody's here, in the order of their ids.
  public let unmanaged: [ListedRunner]

  /// - Parameters:
  ///   - rows: all runners of the organization that are live here, read after the list.
  ///   - deleted: runners that are not live any more, but may have been when the list was read.
  ///   - list: all pages of GitHub's list.
  ///   - start: when the first page was asked for. What changed here since then is newer than the list, and left alone.
  ///   - now: what deadlines are compared with.
  public init(
    rows: [Runner], deleted: [Runner] = [], list: RunnerList, startedAt start: Timestamp,
    now: Timestamp
  ) {
    var changes: [Change] = []
    var missing: [Runner] = []
    var present: Set<String> = []
    for row in rows {
      switch Self.finding(row, list, startedAt: start) {
      case .present(let listed):
        present.insert(row.id)
        guard row.updatedAt < start else { break }
        let (after, violation) = row.compared(with: listed, at: now)
        if after != row { changes.append(Change(from: row, to: after, violation: violation)) }
      case .missing where row.updatedAt < start: missing.append(row)
      case .missing, .nothing: break
      }
    }
    self.changes = changes
    self.missing = missing
    self.present = present
    unmanaged = Self.unmanaged(rows + deleted, list)
  }

  private enum Finding {
    case present(ListedRunner)
    case missing
    case nothing
  }

  private static func finding(
    _ row: Runner, _ list: RunnerList, startedAt start: Timestamp
  ) -> Finding {
    if let id = row.githubRunnerID {
      if let listed = list.runner(id: id) { return .present(listed) }
      // One that is to be removed is asked about by its id until it is gone.
      return row.removal == nil ? .missing : .nothing
    }
    // Nobody can have registered a runner for which nothing was issued: one of its name is somebody else's.
    guard row.isIssued else { return .nothing }
    // The name was free when the token was issued, so whatever has it now came with it, and is judged by its labels.
    if let listed = list.runner(name: row.name), !listed.isHostedByGitHub {
      return .present(listed)
    }
    // One of which only a webhook has told is asked about as well.
    return row.status != .pending || row.usableUntil < start ? .missing : .nothing
  }

  private static func unmanaged(_ known: [Runner], _ list: RunnerList) -> [ListedRunner] {
    let ids = Set(known.compactMap(\.githubRunnerID))
    let names = Set(known.map { $0.name.description.lowercased() })
    return list.runners.filter { listed in
      !listed.isHostedByGitHub && !ids.contains(listed.id)
        && !names.contains(listed.name.lowercased())
    }.sorted { $0.id < $1.id }
  }
}
