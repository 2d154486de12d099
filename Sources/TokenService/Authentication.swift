import FastCGI
import Foundation
import Logging
public import OIDC
public import Runners

/// Finds out who is calling.
struct Authenticator: Sendable {
  let settings: Settings
  /// nil where authentication is disabled.
  let tokenValidator: TokenValidator?
  let now: @Sendable () -> Date

  /// The caller that a request's bearer token proves. Throws `unauthenticated`, or what `TokenValidator` throws.
  func authenticate(
    _ parameters: Parameters, _ context: inout RequestContext
  ) throws -> Principal {
    let principal: Principal
    if let tokenValidator {
      let claims = try claims(of: parameters, tokenValidator, &context)
      principal = settings.principal(for: claims)
      context.tokenID = claims.tokenID
      if settings.hasClaimPolicies { context.claimedPolicy = try LabelPolicy(claimedBy: claims) }
      context.singleUseToken = try settings.singleUseToken(claims)
    } else {
      principal = try developmentPrincipal(parameters)
    }
    context.principal = principal
    return principal
  }

  private func claims(
    of parameters: Parameters, _ tokenValidator: TokenValidator, _ context: inout RequestContext
  ) throws -> Claims {
    guard let token = Self.bearerToken(in: parameters) else { throw ServiceError.unauthenticated }
    context.bearerToken = token
    return try tokenValidator.validate(token, now: now())
  }

  /// The token of `Authorization: Bearer` (RFC 6750 section 2.1), given once, in the header's own alphabet. Nowhere else
  /// is looked for one: what stands in a query stands in logs (section 5.3).
  static func bearerToken(in parameters: Parameters) -> String? {
    let headers = parameters.all("HTTP_AUTHORIZATION")
    guard headers.count == 1, let header = headers.first else { return nil }
    let parts = header.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 2, Substring(parts[0]).lowercased() == "bearer", !parts[1].isEmpty,
      parts[1].allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    return String(Substring(parts[1]))
  }

  /// With authentication disabled, whoever sits at this machine is `dev-user`.
  private func developmentPrincipal(_ parameters: Parameters) throws(ServiceError) -> Principal {
    let address = parameters["REMOTE_ADDR"] ?? ""
    guard address.hasPrefix("127.") || address == "::1" else { throw .unauthenticated }
    return Principal(
      issuer: "urn:runner-token-service:development", subject: "dev-user", identity: "dev-user",
      isAdmin: true)
  }
}

extension Settings {
  /// The token of these claims where tokens are good for one runner only, else nil. Throws where it has no id.
  public func singleUseToken(_ claims: Claims) throws(TokenRefusal) -> SingleUseToken? {
    guard hasSingleUseTokens else { return nil }
    guard let id = claims.tokenID else { throw .invalid(.claimMissing("jti")) }
    return SingleUseToken(
      issuer: claims.issuer, id: id,
      refusedFrom: Timestamp(Date(timeIntervalSince1970: claims.refusedFrom)))
  }
}

extension TokenFacts {
  /// For the log.
  var metadata: Logger.Metadata {
    let facts = [
      "token_alg": algorithm, "token_kid": keyID, "token_typ": type, "token_iss": issuer,
      "token_sub": subject, "token_jti": tokenID, "token_aud": audience, "token_exp": expiry,
      "token_sha256": sha256,
    ]
    return facts.compactMapValues { $0.map { "\($0)" } }
  }
}
