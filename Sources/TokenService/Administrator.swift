import FastCGI
import Runners
import Storage

/// A caller who may do what only administrators may. Every handler of an admin route takes one, and only
/// `Service.admin(of:_:)` makes them, so that no such route can be reached without the check.
struct Administrator {
  let principal: Principal

  fileprivate init(_ principal: Principal) {
    self.principal = principal
  }
}

extension Service {
  /// The administrator who sent a request. Throws what `caller(of:_:)` throws, and `adminRequired` for any other caller,
  /// which is recorded.
  func admin(of request: Request, _ context: inout RequestContext) throws -> Administrator {
    let caller = try caller(of: request, &context)
    guard caller.isAdmin else {
      try recordDenial(context)
      throw ServiceError.adminRequired
    }
    return Administrator(caller)
  }

  private func recordDenial(_ context: RequestContext) throws {
    let problem = Problem(.adminRequired)
    let data: [String: AuditEvent.Value] = [
      "method": .text(context.method), "route": .text(context.route ?? "unknown"),
    ]
    try audited { transaction, record in
      try transaction.securityEvents.record(
        SecurityEvent(.adminDenied, actor: context.actor, data: data))
      try record(
        AuditEvent(
          .adminDenied, success: false, errorCode: problem.code, errorMessage: problem.detail,
          actor: context.actor, data: data))
    }
  }
}
