import GitHub
import Runners
import Storage

extension Maintenance {
  /// Gives back the names and quota of reservations whose worker ended before it had issued anything. GitHub may have made
  /// a JIT runner by then, which goes first.
  public func releaseExpiredReservations() throws {
    let reservations = try database.read {
      try $0.runners.expiredReservations(
        organization: options.organization, now: $0.now, limit: Self.rowsPerTransaction)
    }
    // Those for which GitHub need not be asked do not wait for it.
    for runner in reservations where runner.provisioning == .registrationToken {
      try release(runner)
    }
    let others = reservations.filter { $0.provisioning == .jit }
    guard !others.isEmpty else { return }
    try checkMayAsk(for: .deletionAndVerification)
    try forEach(of: others) { runner in
      let removed = try removeLeftover(of: runner)
      try release(runner, removedID: removed)
    }
  }

  /// Returns GitHub's id of what was removed.
  private func removeLeftover(of runner: Runner) throws -> Int64? {
    guard let listed = try look(at: runner),
      runner.leftBehind(labels: listed.labels, isOnline: listed.isOnline, os: listed.os)
    else { return nil }
    // While the reservation holds the name, what was found under it cannot be another reservation's.
    let current = try database.read { try $0.runners.runner(id: runner.id) }
    guard current == runner else { return nil }
    return try github.deleteRunner(id: listed.id) ? listed.id : nil
  }

  private func release(_ runner: Runner, removedID: Int64? = nil) throws {
    try audited { transaction, record in
      guard var current = try transaction.runners.runner(id: runner.id), current == runner else {
        // What was removed at GitHub is on record, whatever has become of the row.
        if let removedID {
          try record(
            runner.event(
              .cleanup, by: actor,
              ["removed_github_runner_id": .number(removedID), "reason": .text("left_at_github")]))
        }
        return
      }
      current.delete(for: .reservationExpired, at: transaction.now)
      try transaction.runners.update(current)
      try transaction.approvals.release(runnerID: current.id)
      var evidence: [String: AuditEvent.Value] = [:]
      evidence["removed_github_runner_id"] = removedID.map { .number($0) }
      try record(current.statusChange(from: runner, by: actor, evidence))
    }
  }
}
