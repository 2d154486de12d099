/// What can go wrong between GitHub and us. The texts are for the log and for an admin; none carries a secret.
public enum GitHubError: Error, Sendable, Equatable {
  /// No answer, or one that says GitHub is in trouble. `mayHaveActed` is false where the request never reached it.
  case unavailable(String, mayHaveActed: Bool)
  /// The primary or secondary rate limit. Seconds until the next try.
  case rateLimited(retryAfter: Int)
  /// GitHub does not accept our App's key, id or installation: an admin must act.
  case credentialsRejected(String)
  /// The App lacks a permission; named as GitHub does, where it does.
  case permissionMissing(String)
  /// The organization suspended the App's installation.
  case installationSuspended
  /// What was asked for does not exist, or not for us.
  case notFound
  /// A runner of that name exists.
  case nameTaken
  /// The runner is running a job.
  case runnerBusy
  /// GitHub refused our request for a reason that we did not foresee.
  case refused(status: Int, message: String)
  /// A success that we cannot read.
  case unreadableAnswer(String)
}

extension GitHubError {
  /// Whether GitHub may have done what it was asked for all the same.
  public var mayHaveActed: Bool {
    switch self {
    case .unavailable(_, let mayHaveActed): mayHaveActed
    case .unreadableAnswer: true
    case .rateLimited, .credentialsRejected, .permissionMissing, .installationSuspended, .notFound,
      .nameTaken, .runnerBusy, .refused:
      false
    }
  }
}
