import Foundation
public import Runners
public import Storage

extension Transaction {
  /// An admin's decision, over HTTP or on the command line.
  ///
  /// A refusal is returned, not thrown, so that its audit record stands: `approvalNotFound`, `selfApproval`, or
  /// `approvalAlreadyDecided`.
  ///
  /// - Parameters:
  ///   - reason: for the owner to read; one that `Approval.isReason` accepts. A denial has one.
  ///   - principal: the admin; nil on the command line, where there is none.
  public func decide(
    _ decision: ApprovalDecision, on id: String, organization: String, reason: String?,
    by actor: AuditEvent.Actor, principal: Principal?, _ record: (AuditEvent) throws -> Void
  ) throws -> Result<Approval, ServiceError> {
    guard let approval = try approvals.approval(id: id, organization: organization) else {
      return .failure(.approvalNotFound)
    }
    var event = AuditEvent(
      decision.auditKind, actor: actor, runnerName: approval.runnerName, data: approval.auditData)
    event.data["reason"] = reason.map { .text($0) }
    if let refusal = try refusal(of: decision, on: approval, actor, principal, reason) {
      let problem = Problem(refusal)
      event.success = false
      event.errorCode = problem.code
      event.errorMessage = problem.detail
      try record(event)
      return .failure(refusal)
    }
    try record(event)
    guard let decided = try approvals.approval(id: id, organization: organization) else {
      return .failure(.internalError)
    }
    return .success(decided)
  }

  /// Decides, or says why not.
  private func refusal(
    of decision: ApprovalDecision, on approval: Approval, _ actor: AuditEvent.Actor,
    _ principal: Principal?, _ reason: String?
  ) throws -> ServiceError? {
    // Whoever denies their own request withdraws it.
    if decision == .approve, let principal, isOwn(approval, principal) { return .selfApproval }
    let isDecided = try approvals.decide(
      decision, id: approval.id, by: actor.identity ?? "", reason: reason)
    return isDecided ? nil : .approvalAlreadyDecided
  }
}

/// By who they are, and by what they are called: one person may have two subjects.
private func isOwn(_ approval: Approval, _ principal: Principal) -> Bool {
  principal == approval.owner
    || principal.identity.utf8.elementsEqual(approval.owner.identity.utf8)
}

extension Approval {
  static let reasonRule = "must be text of 1 to \(maximumReasonLength) characters"

  /// Whether an admin's reason says something, and not too much.
  public static func isReason(_ text: String) -> Bool {
    text.unicodeScalars.count <= maximumReasonLength
      && !text.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty
  }
}

extension ApprovalDecision {
  fileprivate var auditKind: AuditEvent.Kind {
    switch self {
    case .approve: .approvalApproved
    case .deny: .approvalDenied
    }
  }
}
