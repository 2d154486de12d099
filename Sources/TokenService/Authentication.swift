import FastCGI
import Foundation
import OIDC
import Runners
import StrictJSON

/// Finds out who is calling.
struct Authenticator: Sendable {
  let settings: Settings
  /// nil where authentication is disabled.
  let tokenValidator: TokenValidator?
  let now: @Sendable () -> Date

  /// The caller that a request's bearer token proves. Throws `unauthenticated`, or what `TokenValidator` throws.
  func authenticate(_ parameters: Parameters) throws -> Principal {
    guard let tokenValidator else { return try developmentPrincipal(parameters) }
    guard let token = Self.bearerToken(in: parameters) else { throw ServiceError.unauthenticated }
    return settings.principal(for: try tokenValidator.validate(token, now: now()))
  }

  /// The token of `Authorization: Bearer` (RFC 6750 section 2.1), given once, in the header's own alphabet.
  static func bearerToken(in parameters: Parameters) -> String? {
    let headers = parameters.all("HTTP_AUTHORIZATION")
    guard headers.count == 1, let header = headers.first else { return nil }
    let parts = header.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].isEmpty,
      parts[1].utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    return String(parts[1])
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
  /// Who the claims of a validated token stand for.
  func principal(for claims: Claims) -> Principal {
    let identity = identity(of: claims)
    let adminClaim = claims.all[adminRule.claim]
    let claimValues = adminClaim?.strings ?? adminClaim?.string.map { [$0] } ?? []
    let isAdmin =
      adminRule.identities.contains { $0.hasSameUTF8(as: identity) }
      || adminRule.claimValues.contains { value in
        claimValues.contains { $0.hasSameUTF8(as: value) }
      }
    return Principal(
      issuer: claims.issuer, subject: claims.subject, identity: identity, isAdmin: isAdmin)
  }

  /// The configured claim; an email address only if the issuer says that it has been verified. Otherwise the subject,
  /// marked as such, so that a subject that looks like somebody's address gains nothing.
  private func identity(of claims: Claims) -> String {
    if identityClaim == "sub" { return claims.subject }
    let isTrusted = identityClaim != "email" || claims.all["email_verified"]?.bool == true
    guard isTrusted, let identity = claims.text(identityClaim), !identity.isEmpty,
      identity.utf8.count <= 255, !identity.hasPrefix("sub:"),
      Self.isLegible(identity)
    else { return "sub:" + claims.subject }
    return identity
  }

  /// Whether people can tell the text from others by looking: nothing in it is invisible or turns its direction.
  private static func isLegible(_ text: String) -> Bool {
    let misleading: Set<Unicode.GeneralCategory> = [
      .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned,
    ]
    return text.trimmingCharacters(in: .whitespaces) == text
      && !text.unicodeScalars.contains { misleading.contains($0.properties.generalCategory) }
  }
}
