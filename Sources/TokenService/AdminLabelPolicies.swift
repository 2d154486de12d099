import FastCGI
import Runners
import Storage

extension Service {
  private struct PolicyList: Encodable {
    let policies: [LabelPolicyRepresentation]
    let total: Int
  }

  /// POST /api/v1/admin/label-policies: creates or replaces an identity's policy.
  func saveLabelPolicy(
    _ request: Request, _ admin: Administrator, _ context: RequestContext
  ) throws -> Response {
    let body = try LabelPolicyBody(parsing: try JSONBody.object(of: request))
    let preconditions = try Preconditions(request.parameters)
    let (before, after) = try auditedChange { transaction, record in
      let before = try transaction.labelPolicies.policy(of: body.userIdentity)
      try preconditions.check(revision: before?.revision)
      let after = try transaction.labelPolicies.save(
        body.policy, of: body.userIdentity, by: admin.principal.identity)
      try record(.policyChange(from: before, to: after, context.actor))
      return (before, after)
    }
    return try response(status: before == nil ? 201 : 200, after)
  }

  /// GET /api/v1/admin/label-policies: in the order of the identities.
  func listLabelPolicies(_ query: Query, _ admin: Administrator) throws -> Response {
    var reader = QueryReader(query)
    let (limit, offset) = reader.page()
    try reader.finish()
    let (policies, total) = try database.read { transaction in
      try transaction.labelPolicies.page(limit: limit, offset: offset)
    }
    return try JSONBody.response(
      PolicyList(policies: policies.map(LabelPolicyRepresentation.init), total: total))
  }

  /// GET /api/v1/admin/label-policies/{user}
  func showLabelPolicy(_ user: String, _ admin: Administrator) throws -> Response {
    guard let policy = try database.read({ try $0.labelPolicies.policy(of: user) }) else {
      throw ServiceError.policyNotFound
    }
    return try response(policy)
  }

  /// DELETE /api/v1/admin/label-policies/{user}
  func deleteLabelPolicy(
    _ user: String, _ request: Request, _ admin: Administrator, _ context: RequestContext
  ) throws -> Response {
    let preconditions = try Preconditions(request.parameters)
    try auditedChange { transaction, record in
      // What is not there is not found, whatever the conditions (RFC 9110 section 13.2.1).
      guard let before = try transaction.labelPolicies.policy(of: user) else {
        throw ServiceError.policyNotFound
      }
      try preconditions.check(revision: before.revision)
      _ = try transaction.labelPolicies.delete(user)
      try record(.policyChange(from: before, to: nil, context.actor))
    }
    return Response(status: 204)
  }

  private func response(status: Int = 200, _ policy: StoredLabelPolicy) throws -> Response {
    var response = try JSONBody.response(status: status, LabelPolicyRepresentation(policy))
    response.headers.append(.init("ETag", EntityTag(revision: policy.revision).description))
    return response
  }
}
