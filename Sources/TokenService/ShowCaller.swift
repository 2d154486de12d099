import FastCGI
import Runners
import Storage

extension Service {
  private struct Caller: Encodable {
    let identity: String
    let issuer: String
    let subject: String
    let admin: Bool
    let labelPolicy: PolicyRepresentation
    let quota: Quota

    private enum CodingKeys: String, CodingKey {
      case identity, issuer, subject, admin, quota
      case labelPolicy = "label_policy"
    }
  }

  private struct Quota: Encodable {
    /// Live runners, and reservations that have not run out.
    let used: Int
    /// null: no limit.
    let limit: Int?

    private enum CodingKeys: String, CodingKey {
      case used, limit
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(used, forKey: .used)
      try container.encode(limit, forKey: .limit)
    }
  }

  /// GET /api/v1/auth/me: who the service takes the caller for.
  func showCaller(_ caller: Principal, _ context: RequestContext) throws -> Response {
    let (used, stored) = try database.read { transaction in
      let used = try transaction.runners.countLive(
        of: caller, organization: settings.organization, now: transaction.now)
      return (used, try transaction.labelPolicies.policy(of: caller.identity))
    }
    let policy = applicablePolicy(stored: try stored?.policy(), claimed: context.claimedPolicy)
    return try JSONBody.response(
      Caller(
        identity: caller.identity, issuer: caller.issuer, subject: caller.subject,
        admin: caller.isAdmin,
        labelPolicy: PolicyRepresentation(policy, revision: stored?.revision),
        quota: Quota(used: used, limit: policy.maximumRunners)))
  }
}
