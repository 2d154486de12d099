/// What a look at GitHub found about one runner.
public enum Observation: Sendable, Equatable {
  /// GitHub has it under this id. `isOnline`: it is connected; `isBusy`: it has a job.
  case present(githubRunnerID: Int64, isOnline: Bool, isBusy: Bool)
  /// GitHub answered that there is no such runner. `lookedAt`: when it was asked, by this clock.
  case absent(lookedAt: Timestamp)

  /// Whether there is no such runner at GitHub.
  public var isAbsent: Bool {
    if case .absent = self { true } else { false }
  }
}

extension Runner {
  /// The runner after a look at GitHub: a pure decision, so that a refresh, a sync and a webhook agree.
  ///
  /// A runner that never showed up stays pending, or is again, for as long as somebody may still register it. GitHub has a
  /// JIT runner from the moment that it was asked for one, so that such a runner is not there because GitHub shows it, but
  /// once it has connected: until then it is pending, and offline when its hour is over.
  public func observed(_ observation: Observation, at now: Timestamp) -> Runner {
    guard status != .deleted else { return self }
    var next = self
    switch observation {
    case .present(let githubRunnerID, let isOnline, let isBusy):
      next.githubRunnerID = githubRunnerID
      next.busy = isBusy
      if provisioning == .jit, registeredAt == nil, !isOnline, !isBusy {
        next.status = pendingUntil < now ? .offline : .pending
      } else {
        next.status = isOnline ? .active : .offline
        next.registeredAt = registeredAt ?? now
      }
    case .absent where githubRunnerID != nil:
      next.delete(for: .goneAtGitHub, at: now)
    case .absent(let lookedAt) where usableUntil < lookedAt:
      next.delete(for: isIssued ? .neverRegistered : .reservationExpired, at: now)
    case .absent where status != .pending:
      // Only a webhook said that it was there, and may have been about a repository's runner of the same name.
      next.status = .pending
      next.busy = false
    case .absent:
      break
    }
    if next != self { next.updatedAt = now }
    return next
  }

  /// In seconds: how long after its expiry what was issued may still turn up at GitHub. Clocks differ a little, and GitHub
  /// may not show at once what was registered at the last moment.
  public static let grace = 60

  /// When a look that does not find this runner proves that it was never registered and never will be.
  public var usableUntil: Timestamp {
    isIssued ? pendingUntil.adding(seconds: Self.grace) : pendingUntil
  }

  /// Makes the runner history.
  public mutating func delete(for reason: DeletionReason, at now: Timestamp) {
    status = .deleted
    busy = false
    removal = nil
    deletedAt = now
    deletionReason = reason
    updatedAt = now
  }
}
