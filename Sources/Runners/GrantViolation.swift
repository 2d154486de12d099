/// In what a runner at GitHub is other than what was granted.
public struct GrantViolation: Sendable, Equatable {
  /// As GitHub spells them.
  public let extraLabels: [String]
  /// As they were granted.
  public let missingLabels: [String]
  /// The group that it is in, if that is not the one that was granted.
  public let runnerGroupID: Int64?
  /// Whether it stays after its first job, though it was to go.
  public let isNotEphemeral: Bool

  /// nil where the runner is what was granted. Labels are compared without regard to case, and those of the system do not
  /// count: `config.sh` adds them by itself. Group and kind are compared where GitHub shows them.
  public init?(of listed: ListedRunner, granted runner: Runner) {
    let granted = Set(runner.labels).subtracting(Label.system)
    // What is no label of ours, such as one with a space in it, was never granted.
    extraLabels = listed.labels.filter { name in
      guard let label = Label(name) else { return true }
      return !granted.contains(label) && !Label.system.contains(label)
    }
    let shown = Set(listed.labels.compactMap(Label.init))
    missingLabels = runner.labels.filter { granted.contains($0) && !shown.contains($0) }
      .map(\.description)
    runnerGroupID = listed.runnerGroupID.flatMap { $0 == runner.runnerGroupID ? nil : $0 }
    isNotEphemeral = runner.ephemeral && listed.isEphemeral == false
    guard
      !extraLabels.isEmpty || !missingLabels.isEmpty || runnerGroupID != nil || isNotEphemeral
    else { return nil }
  }
}

extension Runner {
  /// The runner once GitHub has shown it, and what is wrong with it: a pure decision, so that a sync and a look at a single
  /// runner agree. One that is not what was granted is to be removed. One that is to be removed anyway is not judged again.
  ///
  /// It is verified once its group and kind were shown as well. Items of GitHub's list may lack them: then it is to be asked
  /// for by itself.
  ///
  /// - Parameters:
  ///   - listed: as GitHub shows it.
  ///   - isAllThatIsShown: whether GitHub was asked for this runner by itself, so that what it does not show now it
  ///     never will.
  ///   - now: when that was.
  public func compared(
    with listed: ListedRunner, isAllThatIsShown: Bool = false, at now: Timestamp
  ) -> (runner: Runner, violation: GrantViolation?) {
    guard status != .deleted else { return (self, nil) }
    var next = observed(
      .present(githubRunnerID: listed.id, isOnline: listed.isOnline, isBusy: listed.isBusy),
      at: now)
    guard removal == nil else { return (next, nil) }
    let violation = GrantViolation(of: listed, granted: self)
    if violation != nil {
      next.removal = Removal(reason: .policyViolation, requestedAt: now)
      next.verifiedAt = nil
    } else if isAllThatIsShown || listed.missingMembers.isEmpty {
      next.verifiedAt = verifiedAt ?? now
    }
    if next != self { next.updatedAt = now }
    return (next, violation)
  }
}
