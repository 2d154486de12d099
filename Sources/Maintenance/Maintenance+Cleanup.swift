import Logging
public import Runners
import Storage

extension Maintenance {
  private static let approvalAge = 30 * 86_400

  /// Removes runners that were offline for longer than the configuration allows. Returns those that were, or with
  /// `isDryRun` would be, marked for removal.
  ///
  /// - Parameters:
  ///   - hours: instead of what the configuration says; zero: none is removed.
  ///   - isDryRun: nothing is changed or recorded.
  @discardableResult
  public func cleanUpStaleRunners(hours: Int? = nil, isDryRun: Bool = false) throws -> [Runner] {
    let hours = hours ?? options.staleAfterHours
    guard hours > 0 else { return [] }
    let candidates = try database.read {
      try $0.runners.offline(
        since: $0.now.adding(seconds: -3600 * hours), organization: options.organization)
    }
    guard !candidates.isEmpty, !isDryRun else { return candidates }
    try checkMayAsk(for: .deletionAndVerification)
    var marked: [Runner] = []
    try forEach(of: candidates) { runner in
      // What is known here may be older than what GitHub knows.
      let found = try lookAndCompare(runner)
      let change = found.change
      if change.after.status == .offline, !change.after.busy, change.violation == nil {
        if try markStale(runner, hours: hours) { marked.append(runner) }
      } else {
        _ = try apply([found])
      }
    }
    if !marked.isEmpty { try removeMarkedRunners() }
    return marked
  }

  private func markStale(_ runner: Runner, hours: Int) throws -> Bool {
    try audited { transaction, record in
      guard var current = try transaction.runners.runner(id: runner.id), current == runner else {
        return false
      }
      // Not `updatedAt`: it says since when the runner is as it is.
      current.removal = Removal(reason: .stale, requestedAt: transaction.now)
      try transaction.runners.update(current)
      try record(
        current.event(
          .deprovisionRequested, by: actor,
          [
            "reason": .text(DeletionReason.stale.rawValue), "hours": .number(Int64(hours)),
            "offline_since": .text(runner.updatedAt.description),
          ]))
      return true
    }
  }

  /// Removes approvals that nobody can use any more; those that a runner was provisioned on stay.
  public func removeOldApprovals() throws {
    let count = try database.write { transaction in
      try transaction.approvals.removeUnused(
        expiredBefore: transaction.now.adding(seconds: -Self.approvalAge))
    }
    if count > 0 { logger.info("removed old approvals", metadata: ["approvals": "\(count)"]) }
  }
}
