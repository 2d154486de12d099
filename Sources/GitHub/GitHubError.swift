/// What can go wrong between GitHub and us. As text it tells an admin what happened and what to do; none carries a secret.
public enum GitHubError: Error, Sendable, Equatable {
  /// No answer, or one that says GitHub is in trouble. `mayHaveActed` is false where the request never reached it;
  /// `retryAfter` is in seconds, where GitHub or our own record of its failures names a time.
  case unavailable(String, mayHaveActed: Bool, retryAfter: Int? = nil)
  /// As many threads as may wait for GitHub do. Nothing was sent.
  case tooManyWaiting
  /// The primary or secondary rate limit. Seconds until the next try.
  case rateLimited(retryAfter: Int)
  /// GitHub does not accept our App's key, id or installation: an admin must act.
  case credentialsRejected(String)
  /// GitHub does not accept the time in what we sign, not even its own: this clock and GitHub's differ.
  case clockRejected(String)
  /// The App lacks a permission; named as GitHub does, where it does.
  case permissionMissing(String)
  /// The organization suspended the App's installation.
  case installationSuspended
  /// No runner may be registered: a policy forbids self-hosted runners, or the runner group is not for us.
  case registrationForbidden(String)
  /// The organization's IP allow list lacks our address.
  case addressNotAllowed
  /// The organization wants single sign-on by SAML of whoever asks.
  case singleSignOnRequired
  /// What is between GitHub and us took the User-Agent away.
  case userAgentRefused
  /// GitHub no longer speaks the version of its API that we ask for.
  case versionRetired
  /// GitHub redirected a request to where we do not send our tokens.
  case redirectRefused(String)
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

  /// Whether GitHub may have done what was asked for all the same.
  public var mayHaveActed: Bool {
    switch self {
    case .unavailable(_, let mayHaveActed, _): mayHaveActed
    case .unreadableAnswer: true
    default: false
    }
  }
}

extension GitHubError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unavailable(let reason, _, let retryAfter):
      "GitHub does not answer (\(reason))\(retryAfter.map { "; next try in \($0) s" } ?? ""); see https://www.githubstatus.com, and whether this host reaches GITHUB_API_URL"
    case .tooManyWaiting:
      "as many threads wait for GitHub as may; if this lasts, GitHub is slow or WORKER_THREADS too low"
    case .rateLimited(let seconds):
      "GitHub's rate limit is used up for \(seconds) s; if this recurs, find out what else uses the App"
    case .credentialsRejected(let message):
      "GitHub does not accept the App (\(message)); check GITHUB_APP_ID, GITHUB_APP_INSTALLATION_ID and that the key in GITHUB_APP_PRIVATE_KEY_PATH is one of the App's"
    case .clockRejected(let message):
      "GitHub does not accept the time of this host (\(message)); set its clock, and keep it by NTP"
    case .permissionMissing(let permissions):
      "the App lacks a permission (\(permissions)); grant it in the App's settings, then accept it in the organization's"
    case .installationSuspended:
      "the organization has suspended the App's installation; an owner unsuspends it in the organization's settings, under GitHub Apps"
    case .registrationForbidden(let message):
      "GitHub lets no runner be registered (\(message)); allow self-hosted runners in the policies of the organization and of its enterprise, and check the runner group"
    case .addressNotAllowed:
      "the organization's IP allow list lacks the address of this host; an owner adds it in the organization's settings, under Authentication security"
    case .singleSignOnRequired:
      "the organization requires SAML single sign-on; an owner authorizes the App's installation"
    case .userAgentRefused:
      "GitHub got no User-Agent; something between this host and GitHub takes it away"
    case .versionRetired:
      "GitHub has retired the version of its API that this release uses; install a newer release"
    case .redirectRefused(let how):
      "GitHub redirects \(how), which is not followed; check GITHUB_API_URL and GITHUB_ORG"
    case .notFound:
      "GitHub knows no such thing, or not for this App; check GITHUB_ORG and that the App is installed there"
    case .nameTaken:
      "GitHub has a runner of this name"
    case .runnerBusy:
      "the runner is running a job"
    case .refused(let status, let message):
      "GitHub refused with status \(status) (\(message))"
    case .unreadableAnswer(let reason):
      "GitHub's answer cannot be read (\(reason))"
    }
  }
}
