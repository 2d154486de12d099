/// Everything that can keep a caller from getting what they asked for. One table turns it into HTTP.
public enum ServiceError: Error, Sendable, Equatable {
  // The request.
  case invalidJSON(String)
  case badRequest(String)
  case notFound
  case methodNotAllowed(allowed: [String])
  case bodyTooLarge(limit: Int)
  case unsupportedMediaType
  case validation([FieldError])

  /// A webhook that is not signed with the secret that GitHub and this service share.
  case invalidSignature

  // The caller.
  case unauthenticated
  /// The description tells an honest caller what to do.
  case invalidToken(description: String)
  case labelPolicyViolation(labels: [String])
  case runnerGroupNotAllowed(Int64)
  /// GitHub keeps the group for its own runners.
  case runnerGroupReserved(Int64)
  /// The policy allows only JIT runners, or only ephemeral ones: what to ask for instead.
  case runnerKindNotAllowed(instead: String)
  case quotaExceeded(limit: Int, current: Int)
  case adminRequired

  // The policy.
  case policyNotFound
  /// An admin changed it while the request was on its way.
  case policyChanged
  /// It is not the one that the request was meant to change.
  case preconditionFailed

  // The approval.
  /// There is none of this id, or it is somebody else's.
  case approvalNotFound
  /// It does not cover the request, or not any more: what is wrong, in sentences.
  case approvalNotValid(detail: String)
  /// It has been approved, denied or used, or it has expired.
  case approvalAlreadyDecided
  /// Somebody wants to approve what they asked for themselves.
  case selfApproval
  /// The caller waits for as many decisions as one may.
  case tooManyApprovals(limit: Int)

  // The runner.
  case runnerNotFound
  case runnerNameConflict
  /// The name is held by a runner of the caller's own. Seconds until a reservation whose request came to nothing ends; nil
  /// for a runner that was handed out.
  case runnerNameOwn(retryAfter: Int?)
  case runnerBusy
  /// GitHub is being asked for it.
  case runnerBeingProvisioned(retryAfter: Int)

  // Those we depend on. Seconds until another try makes sense.
  case githubError(detail: String)
  case githubUnavailable(retryAfter: Int)
  /// So many callers wait for GitHub that no more may.
  case githubBusy(retryAfter: Int)
  /// The organization has suspended or removed our App's installation.
  case installationInactive(Installation.State, retryAfter: Int)
  case githubRateLimited(retryAfter: Int)
  case identityProviderUnavailable(retryAfter: Int)
  /// So many callers wait for the identity provider's keys that no more may.
  case identityProviderBusy(retryAfter: Int)
  case databaseUnavailable
  case auditUnavailable

  /// A bug of ours.
  case internalError
}
