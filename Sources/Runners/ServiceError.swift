/// Everything that can keep a caller from getting what they asked for. One table turns it into HTTP.
public enum ServiceError: Error, Sendable, Equatable {
  // The request.
  /// The body is no strict JSON: where, for the caller.
  case invalidJSON(String)
  /// Something else about the request: what to send, in a sentence.
  case badRequest(String)
  /// There is nothing at the path.
  case notFound
  /// The path is there, for these methods.
  case methodNotAllowed(allowed: [String])
  /// In bytes.
  case bodyTooLarge(limit: Int)
  /// A body that is not said to be JSON.
  case unsupportedMediaType
  /// Every fault of the body at once; at least one.
  case validation([FieldError])

  /// A webhook that is not signed with the secret that GitHub and this service share.
  case invalidSignature

  // The caller.
  /// Not exactly one bearer token.
  case unauthenticated
  /// The description tells an honest caller what to do.
  case invalidToken(description: String)
  /// The labels that the policy does not allow, as the caller wrote them.
  case labelPolicyViolation(labels: [String])
  /// The policy does not allow this group. Whether it exists is not said.
  case runnerGroupNotAllowed(Int64)
  /// GitHub keeps the group for its own runners.
  case runnerGroupReserved(Int64)
  /// The policy allows only JIT runners, or only ephemeral ones: what to ask for instead.
  case runnerKindNotAllowed(instead: String)
  /// The caller has as many live runners and reservations (`current`) as allowed, or more.
  case quotaExceeded(limit: Int, current: Int)
  /// An operation for admins, asked for by somebody else.
  case adminRequired

  // The policy.
  /// Nobody has stored a policy for this identity.
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
  /// There is none of this name or id, or it is somebody else's.
  case runnerNotFound
  /// Somebody else has a live runner of this name, here or at GitHub. Whose it is is not said.
  case runnerNameConflict
  /// The name is held by a runner of the caller's own. Seconds until a reservation whose request came to nothing ends; nil
  /// for a runner that was handed out.
  case runnerNameOwn(retryAfter: Int?)
  /// GitHub removes no runner that has a job.
  case runnerBusy
  /// GitHub is being asked for it.
  case runnerBeingProvisioned(retryAfter: Int)

  // Those we depend on. Seconds until another try makes sense.
  /// GitHub answered something that cannot be used, or that only an admin can mend: what, without its text.
  case githubError(detail: String)
  /// GitHub did not answer, failed, or is left alone because it failed several times in a row.
  case githubUnavailable(retryAfter: Int)
  /// So many callers wait for GitHub that no more may.
  case githubBusy(retryAfter: Int)
  /// The organization has suspended or removed our App's installation.
  case installationInactive(Installation.State, retryAfter: Int)
  /// GitHub's rate limit is used up, or what is left is kept for removals.
  case githubRateLimited(retryAfter: Int)
  /// There are no keys to judge the token by. Never the caller's fault.
  case identityProviderUnavailable(retryAfter: Int)
  /// So many callers wait for the identity provider's keys that no more may.
  case identityProviderBusy(retryAfter: Int)
  /// Nothing can be stored, so nothing is granted.
  case databaseUnavailable
  /// The audit log's file cannot be written, so nothing is granted.
  case auditUnavailable

  /// A bug of ours.
  case internalError
}
