import Runners

/// The operations of the API, by the names that its description (docs/openapi.yaml) gives them. Tests hold that document
/// and `Route` to this list.
enum APIOperation: String, CaseIterable {
  case showService, showAPI, showHealth, showReadiness
  case provisionRunner, provisionJITRunner
  case listRunners, showRunner, refreshRunner, deleteRunner
  case showCaller, showApproval
  case listApprovals, approveRequest, denyRequest
  case saveLabelPolicy, listLabelPolicies, showLabelPolicy, deleteLabelPolicy
  case listSecurityEvents, listAuditLog
  case listAllRunners, showAnyRunner, deleteAnyRunner
  case listRunnerGroups
  case receiveWebhook

  var method: String {
    switch self {
    case .provisionRunner, .provisionJITRunner, .refreshRunner, .approveRequest, .denyRequest,
      .saveLabelPolicy, .receiveWebhook:
      "POST"
    case .deleteRunner, .deleteLabelPolicy, .deleteAnyRunner:
      "DELETE"
    case .showService, .showAPI, .showHealth, .showReadiness, .listRunners, .showRunner,
      .showCaller, .showApproval, .listApprovals, .listLabelPolicies, .showLabelPolicy,
      .listSecurityEvents, .listAuditLog, .listAllRunners, .showAnyRunner, .listRunnerGroups:
      "GET"
    }
  }

  /// The path, with the names of what differs in braces.
  var template: String {
    switch self {
    case .showService: "/"
    case .showAPI: "/openapi.json"
    case .showHealth: "/health"
    case .showReadiness: "/health/ready"
    case .provisionRunner: Provisioning.registrationToken.path
    case .provisionJITRunner: Provisioning.jit.path
    case .listRunners: "/api/v1/runners"
    case .showRunner, .deleteRunner: "/api/v1/runners/{name}"
    case .refreshRunner: "/api/v1/runners/{name}/refresh"
    case .showCaller: "/api/v1/auth/me"
    case .showApproval: "/api/v1/approvals/{id}"
    case .listApprovals: "/api/v1/admin/approvals"
    case .approveRequest: "/api/v1/admin/approvals/{id}/approve"
    case .denyRequest: "/api/v1/admin/approvals/{id}/deny"
    case .saveLabelPolicy, .listLabelPolicies: "/api/v1/admin/label-policies"
    case .showLabelPolicy, .deleteLabelPolicy: "/api/v1/admin/label-policies/{user}"
    case .listSecurityEvents: "/api/v1/admin/security-events"
    case .listAuditLog: "/api/v1/admin/audit-log"
    case .listAllRunners: "/api/v1/admin/runners"
    case .showAnyRunner, .deleteAnyRunner: "/api/v1/admin/runners/{id}"
    case .listRunnerGroups: "/api/v1/runner-groups"
    case .receiveWebhook: "/api/v1/webhooks/github"
    }
  }
}

extension Route {
  var operation: APIOperation {
    switch self {
    case .root: .showService
    case .apiDocument: .showAPI
    case .health: .showHealth
    case .readiness: .showReadiness
    case .provisionRunner(let kind), .explainProvision(let kind), .explainProvisionOf(_, let kind):
      switch kind {
      case .registrationToken: .provisionRunner
      case .jit: .provisionJITRunner
      }
    case .listRunners: .listRunners
    case .showRunner: .showRunner
    case .refreshRunner: .refreshRunner
    case .deleteRunner: .deleteRunner
    case .showCaller: .showCaller
    case .showApproval: .showApproval
    case .listApprovals: .listApprovals
    case .decideApproval(_, .approve): .approveRequest
    case .decideApproval(_, .deny): .denyRequest
    case .saveLabelPolicy: .saveLabelPolicy
    case .listLabelPolicies: .listLabelPolicies
    case .showLabelPolicy: .showLabelPolicy
    case .deleteLabelPolicy: .deleteLabelPolicy
    case .listSecurityEvents: .listSecurityEvents
    case .listAuditLog: .listAuditLog
    case .listAllRunners: .listAllRunners
    case .showAnyRunner: .showAnyRunner
    case .deleteAnyRunner: .deleteAnyRunner
    case .listRunnerGroups: .listRunnerGroups
    case .receiveWebhook: .receiveWebhook
    }
  }

  /// The path's pattern, for the log.
  var template: String { operation.template }
}
