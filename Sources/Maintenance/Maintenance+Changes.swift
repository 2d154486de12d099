import Runners
import Storage

/// A change with what proves it.
struct EvidencedChange {
  let change: SyncPlan.Change
  let evidence: [String: AuditEvent.Value]
}

extension Maintenance {
  /// How many rows a transaction changes at most: writers in the workers wait behind it.
  static let rowsPerTransaction = 200

  /// Stores a change and records it with its evidence, unless the runner has changed meanwhile. Returns whether it did.
  func apply(
    _ evidenced: EvidencedChange, _ transaction: Transaction, _ record: (AuditEvent) throws -> Void
  ) throws -> Bool {
    let (before, after) = (evidenced.change.before, evidenced.change.after)
    guard try transaction.runners.runner(id: before.id) == before else { return false }
    try transaction.runners.update(after)
    if let violation = evidenced.change.violation {
      let data = evidenced.evidence.merging(violation.auditData) { $1 }
      let event = after.event(.labelVerification, success: false, by: actor, data)
      try record(event)
      try transaction.securityEvents.record(
        SecurityEvent(
          .labelPolicyViolation, severity: .high, actor: after.owner.actor, runnerID: after.id,
          runnerName: after.name.description, data: event.data))
    } else if before.verifiedAt == nil, after.verifiedAt != nil {
      try record(after.event(.labelVerification, by: actor, evidenced.evidence))
    }
    if before.status != after.status || before.busy != after.busy {
      try record(after.statusChange(from: before, by: actor, evidenced.evidence))
    }
    return true
  }

  /// Stores changes, a limited number at a time. Returns those that were made.
  func apply(_ changes: [EvidencedChange]) throws -> [SyncPlan.Change] {
    var applied: [SyncPlan.Change] = []
    try forEachBatch(of: changes) { batch in
      applied += try audited { transaction, record in
        try batch.filter { try apply($0, transaction, record) }.map(\.change)
      }
    }
    return applied
  }

  func forEachBatch<Element>(
    of elements: [Element], _ body: (ArraySlice<Element>) throws -> Void
  ) rethrows {
    var rest = elements[...]
    while !rest.isEmpty {
      try body(rest.prefix(Self.rowsPerTransaction))
      rest = rest.dropFirst(Self.rowsPerTransaction)
    }
  }
}

extension Principal {
  /// As whom a security event names the owner of a runner.
  var actor: AuditEvent.Actor {
    AuditEvent.Actor(identity: identity, issuer: issuer, subject: subject)
  }
}
