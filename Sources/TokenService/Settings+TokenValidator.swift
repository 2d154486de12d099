public import Concurrency
public import HTTPClient
import JOSE
public import OIDC

extension Settings {
  /// The validator of callers' tokens; nil where authentication is disabled. `provider`: accept this one's alone.
  /// Throws where the system has no random bytes.
  public func tokenValidator(
    http: HTTPClient, only provider: Provider? = nil,
    uptime: @escaping @Sendable () -> Duration = Uptime.ofProcess
  ) throws -> TokenValidator? {
    guard isAuthenticationEnabled else { return nil }
    var options = TokenValidator.Options()
    options.requiresTokenID = hasSingleUseTokens
    options.otherClaims = [adminRule.claim]
    // A quarter of the threads, or at least one of several, answers whatever needs no provider.
    options.maximumWaiters = max(1, workerThreads - max(1, workerThreads / 4))
    return try TokenValidator(
      providers: provider.map { [$0] } ?? identityProviders, http: http, options: options,
      uptime: uptime)
  }
}
