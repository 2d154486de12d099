import GitHub
import OIDC
import Runners
import Storage

extension ServiceError {
  /// What an error of a lower layer means for the caller. Whatever is not foreseen is a bug of ours.
  init(_ error: any Error) {
    switch error {
    case let error as ServiceError: self = error
    case let error as TokenRefusal: self.init(error)
    case let error as GitHubError: self.init(error)
    case let error as StorageError: self.init(error)
    case is UnusableLabelPolicy: self = .databaseUnavailable
    default: self = .internalError
    }
  }

  private init(_ refusal: TokenRefusal) {
    switch refusal {
    case .invalid(let fault): self = .invalidToken(description: fault.description)
    case .providerUnavailable: self = .identityProviderUnavailable(retryAfter: 5)
    case .tooManyWaiting: self = .identityProviderBusy(retryAfter: 1)
    }
  }

  private init(_ error: StorageError) {
    switch error {
    case .auditFileUnavailable: self = .auditUnavailable
    case .databaseUnavailable, .wrongSchema: self = .databaseUnavailable
    }
  }

  /// The admin finds the cause in the log; the caller is told whom to ask.
  private init(_ error: GitHubError) {
    switch error {
    case .unavailable(_, _, let seconds): self = .githubUnavailable(retryAfter: seconds ?? 10)
    case .tooManyWaiting: self = .githubBusy(retryAfter: 1)
    case .rateLimited(let seconds): self = .githubRateLimited(retryAfter: seconds)
    case .nameTaken: self = .runnerNameConflict
    case .runnerBusy: self = .runnerBusy
    case .installationSuspended:
      self = .installationInactive(.suspended, retryAfter: 60)
    case .credentialsRejected, .clockRejected, .permissionMissing, .notFound:
      self = .githubError(
        detail:
          "GitHub does not accept this service's credentials or permissions; ask an administrator.")
    case .registrationForbidden:
      self = .githubError(
        detail:
          "The organization's policies let no such runner be registered; ask an administrator.")
    case .addressNotAllowed, .singleSignOnRequired:
      self = .githubError(
        detail: "The organization's access rules keep this service out; ask an administrator.")
    case .userAgentRefused, .versionRetired, .redirectRefused:
      self = .githubError(
        detail:
          "GitHub does not take this service's requests as they are; ask an administrator.")
    case .refused, .unreadableAnswer:
      self = .githubError(
        detail: "GitHub gave an answer that cannot be used; tell an administrator the request id.")
    }
  }
}
