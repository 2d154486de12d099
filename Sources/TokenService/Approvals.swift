import FastCGI
import Foundation
import Runners
import Storage
import StrictJSON

// MARK: - For provisioning

extension Service {
  /// Asks the admins about a request; the same one, while it waits, is asked about once. Stores nothing and fails with
  /// `tooManyApprovals` where the caller waits for as many decisions as one may.
  ///
  /// A refusal is returned, not thrown, so that the transaction can record it.
  func requestApproval(
    of request: ApprovalRequest, policyRevision: Int64?, by caller: Principal,
    _ transaction: Transaction, _ record: (AuditEvent) throws -> Void, _ context: RequestContext
  ) throws -> Result<Approval, ServiceError> {
    let organization = settings.organization
    if let waiting = try transaction.approvals.pending(
      request, of: caller, organization: organization)
    {
      return .success(waiting)
    }
    let count = try transaction.approvals.countPending(of: caller, organization: organization)
    guard count < Approval.maximumPending else {
      return .failure(.tooManyApprovals(limit: Approval.maximumPending))
    }
    let approval = Approval(
      id: UUID().uuidString.lowercased(), organization: organization, owner: caller,
      requested: request, policyRevision: policyRevision, createdAt: transaction.now)
    try transaction.approvals.insert(approval)
    try record(
      AuditEvent(
        .approvalRequested, actor: context.actor, runnerName: approval.runnerName,
        data: approval.auditData))
    return .success(approval)
  }

  /// Uses up an approval for a runner, in the transaction that reserves the runner. The policy has to be asked all the
  /// same: it may have changed since.
  ///
  /// A refusal is returned, not thrown, so that its security event stands: `approvalNotFound` for an id that is unknown or
  /// somebody else's, `approvalNotValid` for any other objection.
  func redeemApproval(
    _ id: String, for request: ApprovalRequest, runnerID: String, by caller: Principal,
    _ transaction: Transaction, _ context: RequestContext
  ) throws -> Result<Void, ServiceError> {
    var objection = try objection(to: id, for: request, by: caller, transaction)
    if objection == nil, try !transaction.approvals.markUsed(id: id, runnerID: runnerID) {
      objection = .objections([.used])
    }
    guard let objection else { return .success(()) }
    try recordMisuse(of: id, objection, request, transaction, context)
    return .failure(objection.error)
  }

  /// Why the approval of this id is not honoured now; nil if it is.
  func objection(
    to id: String, for request: ApprovalRequest, by caller: Principal, _ transaction: Transaction
  ) throws -> ApprovalObjection? {
    let found = try transaction.approvals.approval(id: id, organization: settings.organization)
    guard let approval = found, approval.owner == caller else { return .notTheirs }
    let objections = approval.objections(to: request, by: caller, at: transaction.now)
    return objections.isEmpty ? nil : .objections(objections)
  }

  /// `id` is what the caller sent.
  func recordMisuse(
    of id: String, _ objection: ApprovalObjection, _ request: ApprovalRequest,
    _ transaction: Transaction, _ context: RequestContext
  ) throws {
    // Who asks too early has misread an answer, and nothing worse.
    guard objection != .objections([.pending]) else { return }
    try transaction.securityEvents.record(
      SecurityEvent(
        .approvalDenied, actor: context.actor,
        data: [
          "approval_id": .text(id.prefix(scalars: 64)), "detail": .text(objection.detail),
          "labels": .texts(request.labels.map(\.description)),
        ]))
  }

  /// 202: nobody was asked for a runner yet.
  /// In no form can it be taken for what was asked for: no text, and a script that fails.
  func answer(_ approval: Approval, to request: Request) throws(ServiceError) -> Response {
    let pending = PendingApproval(approval, at: Timestamp(now()))
    var response =
      switch request.parameters.accept.form {
      case .plainText: Response(status: 202, text: "", type: "text/plain")
      case .shellScript:
        Response(
          status: 202,
          text: """
            #!/bin/sh
            echo 'An administrator has to approve this runner first; GET \(pending.statusURL) says whether that was done.' >&2
            exit 1

            """, type: "text/x-shellscript")
      case .json: try JSONBody.response(status: 202, pending)
      }
    response.headers.append(.init("Location", pending.statusURL))
    return response
  }
}

// MARK: - Routes

extension Service {
  private struct ApprovalList: Encodable {
    let approvals: [ApprovalRepresentation]
    let total: Int
  }

  /// GET /api/v1/approvals/{id}: the caller's own. Somebody else's is not found, as if it did not exist.
  func showApproval(_ id: String, _ caller: Principal) throws -> Response {
    try database.read { transaction in
      let found = try transaction.approvals.approval(id: id, organization: settings.organization)
      guard let found, found.owner == caller else { throw ServiceError.approvalNotFound }
      return try JSONBody.response(ApprovalRepresentation.forOwner(found, at: transaction.now))
    }
  }

  /// GET /api/v1/admin/approvals: everybody's, newest first.
  func listApprovals(_ query: Query, _ admin: Administrator) throws -> Response {
    let filter = try ApprovalFilter(query)
    return try database.read { transaction in
      let (approvals, total) = try transaction.approvals.page(
        organization: settings.organization, status: filter.status, limit: filter.limit,
        offset: filter.offset)
      return try JSONBody.response(
        ApprovalList(
          approvals: approvals.map { .forAdmin($0, at: transaction.now) }, total: total))
    }
  }

  /// POST /api/v1/admin/approvals/{id}/approve and /deny
  func decideApproval(
    _ id: String, _ decision: ApprovalDecision, _ request: Request, _ admin: Administrator,
    _ context: RequestContext
  ) throws -> Response {
    let reason = try reason(of: decision, in: request)
    let (outcome, time) = try auditedChange { transaction, record in
      let outcome = try transaction.decide(
        decision, on: id, organization: settings.organization, reason: reason,
        by: context.actor, principal: admin.principal, record)
      return (outcome, transaction.now)
    }
    return try JSONBody.response(ApprovalRepresentation.forAdmin(try outcome.get(), at: time))
  }

  /// An approval may come without a body, a denial has to say why.
  private func reason(
    of decision: ApprovalDecision, in request: Request
  ) throws(ServiceError) -> String? {
    let isMissing = if case .complete(let body) = request.body { body.isEmpty } else { false }
    let members = isMissing ? [] : try JSONBody.object(of: request).members
    var errors: [FieldError] = []
    var reason: String?
    for member in members {
      if !member.name.hasSameUTF8(as: "reason") {
        errors.append(
          FieldError(
            member.name.prefix(scalars: 64),
            .isUnknown("member", ["reason"], isFirst: errors.isEmpty)))
      } else if let text = member.value.string, Approval.isReason(text) {
        reason = text
      } else {
        errors.append(FieldError("reason", Approval.reasonRule))
      }
    }
    if decision == .deny, reason == nil, errors.isEmpty {
      errors.append(FieldError("reason", "is required: \(Approval.reasonRule)"))
    }
    guard errors.isEmpty else { throw .validation(errors) }
    return reason
  }
}

private struct ApprovalFilter {
  let status: ApprovalStatus?
  let limit: Int
  let offset: Int

  /// Throws `validation` with every fault at once.
  init(_ query: Query) throws(ServiceError) {
    var reader = QueryReader(query)
    status = reader.choice("status")
    (limit, offset) = reader.page()
    try reader.finish()
  }
}
