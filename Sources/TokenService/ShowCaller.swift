import FastCGI
import Runners
import Storage

extension Service {
  private struct Caller: Encodable {
    let identity: String
    let issuer: String
    let subject: String
    let admin: Bool
    let labelPolicy: Policy
    let quota: Quota

    private enum CodingKeys: String, CodingKey {
      case identity, issuer, subject, admin, quota
      case labelPolicy = "label_policy"
    }
  }

  private struct Policy: Encodable {
    /// `default`: the caller has no policy of their own.
    let source: String
    /// `deny` or `allow`.
    let verdict: String
  }

  private struct Quota: Encodable {
    /// Live runners, and reservations that have not run out.
    let used: Int
  }

  /// GET /api/v1/auth/me: who the service takes the caller for.
  func showCaller(_ caller: Principal) throws -> Response {
    let used = try database.read { transaction in
      try transaction.runners.countLive(
        of: caller, organization: settings.organization, now: transaction.now)
    }
    return try JSONBody.response(
      Caller(
        identity: caller.identity, issuer: caller.issuer, subject: caller.subject,
        admin: caller.isAdmin,
        labelPolicy: Policy(source: "default", verdict: settings.defaultLabelPolicy.rawValue),
        quota: Quota(used: used)))
  }
}
