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
      let change = compare(runner, with: try look(at: runner))
      guard change.before != change.after else { return }
      _ = try apply([EvidencedChange(change: change, evidence: [:])])
    }
  }

  /// Asks GitHub for one runner: by its id where that is known, else by its name.
  func look(at runner: Runner) throws(GitHubError) -> ListedRunner? {
    if let id = runner.githubRunnerID { return try github.runner(id: id).map(ListedRunner.init) }
    let listed = try github.runner(name: runner.name.description).map(ListedRunner.init)
    return listed.flatMap { $0.isHostedByGitHub ? nil : $0 }
  }

  /// What becomes of a runner that GitHub was asked for by itself.
  func compare(_ runner: Runner, with listed: ListedRunner?) -> SyncPlan.Change {
    let time = Timestamp(now())
    guard let listed else {
      return SyncPlan.Change(from: runner, to: runner.observed(.absent, at: time))
    }
    let (after, violation) = runner.compared(with: listed, at: time)
    return SyncPlan.Change(from: runner, to: after, violation: violation)
  }

  /// Does something about each runner that asks GitHub. What GitHub refuses for one runner is logged, and does not stand in
  /// the way of the others.
  func forEach<Element>(of elements: [Element], _ body: (Element) throws -> Void) throws {
    for element in elements {
      do {
        try body(element)
      } catch let error as GitHubError where !error.concernsEverything {
        logger.warning(
          "GitHub did not do what maintenance asked for one runner",
          metadata: ["runner": "\(name(of: element))", "cause": "\(error)"])
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
