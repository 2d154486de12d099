import GitHub
import Logging
import Runners
import Storage

extension Maintenance {
  /// Of one run; the rest is for the next.
  private static let maximumVerifications = 200

  /// Compares runners that somebody else has seen, because an owner asked, or that a webhook told of, with what was granted.
  /// The latter are bound here to the id that GitHub has for them in the organization, if it has one.
  public func verifyNewRunners() throws {
    let runners = try database.read {
      try $0.runners.unverified(
        organization: options.organization, limit: Self.maximumVerifications)
    }
    guard !runners.isEmpty else { return }
    try checkMayAsk(for: .deletionAndVerification)
    try forEach(of: runners) { runner in
      let found = try lookAndCompare(runner)
      guard found.change.before != found.change.after else { return }
      _ = try apply([found])
    }
  }

  /// Asks GitHub for one runner: by its id where that is known, else by its name.
  func look(at runner: Runner) throws(GitHubError) -> ListedRunner? {
    if let id = runner.githubRunnerID { return try github.runner(id: id).map(ListedRunner.init) }
    let listed = try github.runner(name: runner.name.description).map(ListedRunner.init)
    return listed.flatMap { $0.isHostedByGitHub ? nil : $0 }
  }

  /// Asks GitHub for one runner, and says what becomes of it. The answer is the most that GitHub shows of a runner: what is
  /// not in it cannot be verified, and the record says so.
  func lookAndCompare(_ runner: Runner) throws(GitHubError) -> EvidencedChange {
    let lookedAt = Timestamp(now())
    guard let listed = try look(at: runner) else {
      let after = runner.observed(.absent(lookedAt: lookedAt), at: Timestamp(now()))
      return EvidencedChange(change: SyncPlan.Change(from: runner, to: after), evidence: [:])
    }
    let (after, violation) = runner.compared(
      with: listed, isAllThatIsShown: true, at: Timestamp(now()))
    var evidence: [String: AuditEvent.Value] = [:]
    if runner.verifiedAt == nil, after.verifiedAt != nil, !listed.missingMembers.isEmpty {
      evidence["not_shown"] = .texts(listed.missingMembers)
    }
    return EvidencedChange(
      change: SyncPlan.Change(from: runner, to: after, violation: violation), evidence: evidence)
  }

  /// How many runners in a row GitHub may fail on until it counts as failing on all.
  private static let toleratedSilences = 3

  /// Does something about each runner that asks GitHub. What GitHub refuses for one runner, or fails on, is logged, and does
  /// not stand in the way of the others. Throws where GitHub fails on several in a row, or on all that there are.
  func forEach<Element>(of elements: [Element], _ body: (Element) throws -> Void) throws {
    var silences = 0
    var isAnswering = false
    for (index, element) in elements.enumerated() {
      do {
        try body(element)
        (silences, isAnswering) = (0, true)
      } catch let error as GitHubError where !error.concernsEverything {
        logger.warning(
          "GitHub did not do what maintenance asked for one runner",
          metadata: ["runner": "\(name(of: element))", "cause": "\(error)"])
        guard error.isSilence else {
          (silences, isAnswering) = (0, true)
          continue
        }
        silences += 1
        let isLast = index == elements.count - 1
        if silences == Self.toleratedSilences || isLast && !isAnswering { throw error }
      }
    }
  }

  private func name(of element: Any) -> String {
    switch element {
    case let runner as Runner: runner.name.description
    default: "unmanaged"
    }
  }
}
