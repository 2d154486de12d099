import FastCGI
import Foundation
import Runners

/// An error as HTTP tells it (RFC 9457). The one table from errors to statuses, codes and advice.
struct Problem {
  let status: Int
  /// Stable: callers may decide on it.
  let code: String
  /// One sentence about what to do next.
  let detail: String
  var retryAfter: Int?
  var headers: [Response.Header] = []
  var members = Members()

  /// Members that only some problems have.
  struct Members {
    var errors: [FieldError]?
    var invalidLabels: [String]?
    var limit: Int?
    var current: Int?
  }

  private init(_ status: Int, _ code: String, _ detail: String, retryAfter: Int? = nil) {
    self.status = status
    self.code = code
    self.detail = detail
    self.retryAfter = retryAfter
  }

  init(_ error: ServiceError) {
    self =
      switch error {
      case .invalidJSON(let reason):
        Problem(400, "INVALID_JSON", "Send one JSON object as the body: \(reason).")
      case .badRequest(let detail):
        Problem(400, "BAD_REQUEST", detail)
      case .notFound:
        Problem(404, "NOT_FOUND", "There is nothing at this path; GET / lists what there is.")
      case .methodNotAllowed(let allowed):
        .methodNotAllowed(allowed)
      case .bodyTooLarge(let limit):
        Problem(413, "BODY_TOO_LARGE", "Send a body of at most \(limit) bytes.")
      case .unsupportedMediaType:
        Problem(
          415, "UNSUPPORTED_MEDIA_TYPE",
          "Send the body as JSON, with the header 'Content-Type: application/json'.")
      case .invalidSignature:
        Problem(
          401, "INVALID_SIGNATURE",
          "X-Hub-Signature-256 must be the body's HMAC-SHA-256; compare the webhook's secret with GITHUB_WEBHOOK_SECRET."
        )
      case .validation(let errors):
        .validation(errors)
      case .unauthenticated:
        .unauthenticated
      case .invalidToken(let description):
        .invalidToken(description)
      case .labelPolicyViolation(let labels):
        .labelPolicyViolation(labels)
      case .runnerGroupNotAllowed(let id):
        Problem(
          403, "RUNNER_GROUP_NOT_ALLOWED",
          "Your policy does not include the runner group \(id); leave runner_group_id out for the default group."
        )
      case .runnerGroupReserved(let id):
        Problem(
          403, "RUNNER_GROUP_NOT_ALLOWED",
          "GitHub lets nobody add a runner to the runner group \(id); leave runner_group_id out for the default group."
        )
      case .runnerKindNotAllowed(let instead):
        Problem(403, "LABEL_POLICY_VIOLATION", "Your policy allows only other runners: \(instead).")
      case .quotaExceeded(let limit, let current):
        .quotaExceeded(limit: limit, current: current)
      case .adminRequired:
        Problem(
          403, "ADMIN_REQUIRED", "Only administrators of this service may do this; ask one of them."
        )
      case .policyNotFound:
        Problem(
          404, "POLICY_NOT_FOUND",
          "This identity has no label policy; GET /api/v1/admin/label-policies lists those that have."
        )
      case .policyChanged:
        Problem(
          503, "POLICY_CHANGED", "Your label policy was changed just now; send the request again.",
          retryAfter: 1)
      case .preconditionFailed:
        Problem(
          412, "PRECONDITION_FAILED",
          "The policy was changed meanwhile; read it again and send its ETag in If-Match.")
      case .approvalNotFound:
        Problem(
          404, "APPROVAL_NOT_FOUND",
          "There is no approval of this id for you; leave approval_id out to ask for one.")
      case .approvalNotValid(let detail):
        Problem(403, "APPROVAL_NOT_VALID", detail)
      case .approvalAlreadyDecided:
        Problem(
          409, "APPROVAL_ALREADY_DECIDED",
          "This approval has been decided or has expired; GET /api/v1/admin/approvals?status=pending lists those that wait."
        )
      case .selfApproval:
        Problem(
          403, "SELF_APPROVAL",
          "Nobody approves their own request; ask another administrator of this service.")
      case .tooManyApprovals(let limit):
        Problem(
          429, "TOO_MANY_APPROVALS",
          "You wait for \(limit) decisions already; wait until an administrator has made one.",
          retryAfter: 60)
      case .runnerNotFound:
        Problem(
          404, "RUNNER_NOT_FOUND",
          "You have no runner of this name or id; GET /api/v1/runners lists yours.")
      case .runnerNameConflict:
        Problem(
          409, "RUNNER_NAME_CONFLICT",
          "Choose another runner_name, or send runner_name_prefix to have one made up.")
      case .runnerNameOwn(let seconds?):
        Problem(
          409, "RUNNER_NAME_CONFLICT",
          "Another request of yours for this name is not settled yet; try again later, or choose another runner_name.",
          retryAfter: seconds)
      case .runnerNameOwn(nil):
        Problem(
          409, "RUNNER_NAME_CONFLICT",
          "You have a runner of this name; delete it first, or choose another runner_name.")
      case .runnerBusy:
        Problem(
          409, "RUNNER_BUSY",
          "The runner is running a job; delete it once the job has ended, or send force=true to have it removed as soon as GitHub lets it go."
        )
      case .runnerBeingProvisioned(let seconds):
        Problem(
          409, "RUNNER_BUSY", "GitHub is being asked for this runner; try again in a minute.",
          retryAfter: seconds)
      case .githubError(let detail):
        Problem(502, "GITHUB_ERROR", detail)
      case .githubUnavailable(let seconds):
        Problem(
          503, "GITHUB_UNAVAILABLE", "GitHub does not answer; try again later.",
          retryAfter: seconds)
      case .githubBusy(let seconds):
        Problem(
          503, "GITHUB_UNAVAILABLE", "Many callers wait for GitHub; try again in a second.",
          retryAfter: seconds)
      case .installationInactive(let state, let seconds):
        Problem(
          503, "GITHUB_UNAVAILABLE",
          "The organization has \(state == .deleted ? "removed" : "suspended") this service's GitHub App; ask an administrator.",
          retryAfter: seconds)
      case .githubRateLimited(let seconds):
        Problem(
          503, "GITHUB_RATE_LIMITED",
          "GitHub's rate limit for this organization is used up; try again later.",
          retryAfter: seconds)
      case .identityProviderUnavailable(let seconds):
        Problem(
          503, "IDENTITY_PROVIDER_UNAVAILABLE",
          "The identity provider's keys cannot be fetched, so no token can be checked; try again later.",
          retryAfter: seconds)
      case .identityProviderBusy(let seconds):
        Problem(
          503, "IDENTITY_PROVIDER_UNAVAILABLE",
          "Many callers wait for the identity provider's keys; try again in a second.",
          retryAfter: seconds)
      case .databaseUnavailable:
        Problem(
          503, "DATABASE_UNAVAILABLE", "The service cannot store anything; try again later.",
          retryAfter: 5)
      case .auditUnavailable:
        Problem(
          503, "AUDIT_UNAVAILABLE",
          "The service cannot write its audit log and does nothing without; try again later.",
          retryAfter: 5)
      case .internalError:
        Problem(
          500, "INTERNAL_ERROR", "This is a bug; report it with the request id.")
      }
  }

  // MARK: - Those with more than a sentence

  private static func methodNotAllowed(_ allowed: [String]) -> Problem {
    let list = allowed.joined(separator: ", ")
    var problem = Problem(405, "METHOD_NOT_ALLOWED", "Use one of these methods here: \(list).")
    problem.headers = [.init("Allow", list)]
    return problem
  }

  private static func validation(_ errors: [FieldError]) -> Problem {
    var problem = Problem(422, "VALIDATION_ERROR", "Mend what the member errors names.")
    problem.members.errors = errors
    return problem
  }

  private static func labelPolicyViolation(_ labels: [String]) -> Problem {
    var problem = Problem(
      403, "LABEL_POLICY_VIOLATION",
      "Your policy does not allow this; ask an administrator of this service for a label policy.")
    problem.members.invalidLabels = labels
    return problem
  }

  private static func quotaExceeded(limit: Int, current: Int) -> Problem {
    var problem = Problem(
      429, "QUOTA_EXCEEDED",
      "You have \(current) \(current == 1 ? "runner" : "runners") and may have \(limit); delete one that you do not need, or wait until one is gone."
    )
    problem.members.limit = limit
    problem.members.current = current
    return problem
  }

  private static let realm = "Bearer realm=\"runner-token-service\""

  private static var unauthenticated: Problem {
    var problem = Problem(
      401, "UNAUTHENTICATED",
      "Send an OIDC token, in exactly one header 'Authorization: Bearer <token>'.")
    problem.headers = [.init("WWW-Authenticate", realm)]
    return problem
  }

  /// RFC 6750 section 3.1.
  private static func invalidToken(_ description: String) -> Problem {
    var problem = Problem(401, "INVALID_TOKEN", description)
    let quoted = String(
      decoding: description.utf8.filter { $0 < 0x80 && !"\"\\".utf8.contains($0) }, as: UTF8.self)
    problem.headers = [
      .init(
        "WWW-Authenticate",
        "\(realm), error=\"invalid_token\", error_description=\"\(quoted)\"")
    ]
    return problem
  }
}

extension Problem {
  private struct Body: Encodable {
    let type = "about:blank"
    let title: String
    let status: Int
    let detail: String
    let errorCode: String
    let requestID: String
    let errors: [Fault]?
    let invalidLabels: [String]?
    let limit: Int?
    let current: Int?

    enum CodingKeys: String, CodingKey {
      case type, title, status, detail, errors, limit, current
      case errorCode = "error_code"
      case requestID = "request_id"
      case invalidLabels = "invalid_labels"
    }
  }

  private struct Fault: Encodable {
    let field: String
    let message: String
  }

  func response(requestID: String) -> Response {
    let body = Body(
      title: Response.reasonPhrase(of: status), status: status, detail: detail, errorCode: code,
      requestID: requestID,
      errors: members.errors?.map { Fault(field: $0.field, message: $0.message) },
      invalidLabels: members.invalidLabels, limit: members.limit, current: members.current)
    var response = Response(status: status, headers: headers)
    response.headers.append(.init("Content-Type", "application/problem+json"))
    if let retryAfter { response.headers.append(.init("Retry-After", String(retryAfter))) }
    // It may quote what a caller sent.
    let json = JSONBody.encode(body).map { String(decoding: $0, as: UTF8.self) } ?? ""
    response.body = Array(json.escapingInvisibleInJSON().utf8)
    return response
  }
}
