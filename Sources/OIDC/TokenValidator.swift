public import Foundation
public import HTTPClient
import JOSE
import StrictJSON

/// Decides whether a bearer token proves who sent it.
public struct TokenValidator: Sendable {
  /// Bytes of the whole token.
  public static let maximumTokenSize = 8192
  static let maximumSubjectSize = 255
  /// The largest NumericDate that is exact in a 64-bit float (RFC 7519 section 2 allows fractions).
  private static let latestDate = Double(1 << 53)

  private let provider: Provider
  private let keySets: KeySetCache

  /// `uptime` is a clock that never steps, for the age of keys.
  public init(
    provider: Provider, http: HTTPClient,
    uptime: @escaping @Sendable () -> Duration = TokenValidator.systemUptime
  ) {
    self.provider = provider
    keySets = KeySetCache(provider: provider, http: http, uptime: uptime)
  }

  /// Time since some fixed point in this process, unaffected by clock steps.
  public static let systemUptime: @Sendable () -> Duration = {
    let start = ContinuousClock.now
    return { ContinuousClock.now - start }
  }()

  /// Validates a token in the order of RFC 7515 section 5.2 and RFC 7519 section 7.2, cheap checks first: nothing is
  /// fetched for an issuer that is not ours, and no claim but `iss` is believed before the signature.
  public func validate(_ token: String, now: Date) throws(TokenRefusal) -> Claims {
    guard token.utf8.count <= Self.maximumTokenSize else { throw .invalid(.oversized) }
    let jws: CompactJWS
    let algorithm: SignatureAlgorithm
    let keyID: String?
    do {
      jws = try CompactJWS(token)
      algorithm = try jws.algorithm(among: provider.algorithms)
      keyID = try jws.keyID()
    } catch {
      throw .invalid(.jose(error))
    }
    let claims = try claims(of: jws)
    guard let key = try keySets.key(id: keyID, algorithm: algorithm) else {
      throw .invalid(.keyNotFound)
    }
    guard key.isValid(signature: jws.signature, over: jws.signingInput, algorithm: algorithm) else {
      throw .invalid(.jose(.signatureMismatch))
    }
    do { return try validate(claims, now: now.timeIntervalSince1970) } catch {
      throw .invalid(error)
    }
  }

  /// Makes sure that there are keys to validate with.
  public func checkProvider() throws(TokenRefusal) {
    try keySets.checkAvailable()
  }

  private func claims(of jws: CompactJWS) throws(TokenRefusal) -> JSONObject {
    let payload: JSONValue
    do { payload = try JSONValue(parsing: jws.payload, limits: .token) } catch {
      throw .invalid(.payloadNotJSON(error))
    }
    guard let claims = payload.object else { throw .invalid(.payloadNotObject) }
    guard let issuer = claims["iss"]?.string, issuer.hasSameUTF8(as: provider.issuer) else {
      throw .invalid(.issuerNotTrusted(expected: provider.issuer))
    }
    return claims
  }

  private func validate(_ claims: JSONObject, now: Double) throws(TokenFault) -> Claims {
    let leeway = Double(provider.leeway)
    guard let expiry = try date("exp", of: claims) else { throw .claimMissing("exp") }
    guard now < expiry + leeway else { throw .expired }
    if let notBefore = try date("nbf", of: claims), now + leeway < notBefore {
      throw .notYetValid
    }
    if let issued = try date("iat", of: claims), now + leeway < issued { throw .issuedInFuture }
    try validateAudience(claims)
    return Claims(issuer: provider.issuer, subject: try subject(claims), all: claims)
  }

  /// `aud` is a string or an array of strings (RFC 7519 section 4.1.3).
  private func validateAudience(_ claims: JSONObject) throws(TokenFault) {
    guard let claim = claims["aud"], let audiences = claim.string.map({ [$0] }) ?? claim.strings
    else { throw .claimMissing("aud") }
    let isMeant = audiences.contains { audience in
      provider.audiences.contains { $0.hasSameUTF8(as: audience) }
    }
    guard isMeant else { throw .wrongAudience(expected: provider.audiences) }
  }

  private func subject(_ claims: JSONObject) throws(TokenFault) -> String {
    guard let subject = claims["sub"]?.string else { throw .claimMissing("sub") }
    let isPrintable = subject.unicodeScalars.allSatisfy {
      $0.properties.generalCategory != .control
    }
    guard (1...Self.maximumSubjectSize).contains(subject.utf8.count), isPrintable else {
      throw .subjectNotUsable
    }
    return subject
  }

  /// A NumericDate (RFC 7519 section 2), or nil where the claim is absent.
  private func date(_ name: String, of claims: JSONObject) throws(TokenFault) -> Double? {
    let seconds: Double
    switch claims[name] {
    case nil: return nil
    case .integer(let value): seconds = Double(value)
    case .double(let value): seconds = value.rounded(.down)
    default: throw .claimMissing(name)
    }
    guard (0...Self.latestDate).contains(seconds) else { throw .claimMissing(name) }
    return seconds
  }
}
