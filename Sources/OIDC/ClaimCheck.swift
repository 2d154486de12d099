import StrictJSON

/// The claims of a token whose signature is valid, held against what its provider's tokens must be.
struct ClaimCheck {
  private static let textSizes = 1...255
  /// The largest NumericDate that is exact in a 64-bit float (RFC 7519 section 2 allows fractions).
  private static let latestDate = Double(1 << 53)

  let claims: JSONObject
  let provider: Provider
  /// Seconds since 1970.
  let now: Double

  func run(
    requiresTokenID: Bool, passed: (TokenCheck) -> Void
  ) throws(TokenFault) -> Claims {
    let expiry = try checkTimes()
    passed(.times)
    try checkAudience()
    passed(.audience)
    let subject = try subject()
    passed(.subject)
    let tokenID = text("jti")
    if requiresTokenID, tokenID == nil { throw .claimMissing("jti") }
    passed(.tokenID)
    try checkRequiredClaims()
    passed(.requiredClaims)
    return Claims(
      provider: provider, subject: subject, tokenID: tokenID,
      refusedFrom: expiry + Double(provider.leeway), all: claims)
  }

  // MARK: - Times (RFC 7519 sections 4.1.4 to 4.1.6)

  /// Returns the expiry.
  private func checkTimes() throws(TokenFault) -> Double {
    let leeway = Double(provider.leeway)
    guard let expiry = try date("exp") else { throw .claimMissing("exp") }
    guard now < expiry + leeway else { throw .expired }
    if let notBefore = try date("nbf"), now + leeway < notBefore { throw .notYetValid }
    let issued = try date("iat")
    if let issued, now + leeway < issued { throw .issuedInFuture }
    // A token that is good for a year is as bad as a password, whoever issued it.
    guard expiry - (issued ?? now + leeway) <= Double(provider.maximumLifetime) else {
      throw .lifetimeTooLong(maximum: provider.maximumLifetime)
    }
    return expiry
  }

  /// A NumericDate (RFC 7519 section 2), or nil where the claim is absent.
  private func date(_ name: String) throws(TokenFault) -> Double? {
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

  // MARK: - For whom

  /// `aud` is a string or an array of strings (RFC 7519 section 4.1.3).
  private func checkAudience() throws(TokenFault) {
    guard let claim = claims["aud"], let audiences = claim.string.map({ [$0] }) ?? claim.strings
    else { throw .claimMissing("aud") }
    let ours = audiences.filter { provider.audiences.containsBytes(of: $0) }
    guard !ours.isEmpty else { throw .wrongAudience(expected: provider.audiences) }
    try checkParty(isForOthersToo: ours.count < audiences.count)
  }

  /// Whoever else a token is meant for could send it here. So such a token must have been issued to a party that we know
  /// (OpenID Connect Core 1.0 section 3.1.3.7, items 3 to 5).
  private func checkParty(isForOthersToo: Bool) throws(TokenFault) {
    if let party = claims["azp"], party.string == nil { throw .claimMissing("azp") }
    let isRestricted = !provider.authorizedParties.isEmpty
    guard isForOthersToo || isRestricted else { return }
    let accepted = isRestricted ? provider.authorizedParties : provider.audiences
    guard let party = claims["azp"]?.string, accepted.containsBytes(of: party) else {
      throw .partyNotAuthorized
    }
  }

  // MARK: - Whose and what

  private func subject() throws(TokenFault) -> String {
    guard claims["sub"]?.string != nil else { throw .claimMissing("sub") }
    guard let subject = text("sub") else { throw .subjectNotUsable }
    return subject
  }

  private func checkRequiredClaims() throws(TokenFault) {
    for rule in provider.requiredClaims where !rule.isSatisfied(by: claims) {
      throw .claimNotAccepted(rule.claim.description)
    }
  }

  /// A text of a size that can be stored and shown, without control characters.
  private func text(_ name: String) -> String? {
    guard let text = claims[name]?.string, Self.textSizes.contains(text.utf8.count),
      text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { return nil }
    return text
  }
}

extension [String] {
  fileprivate func containsBytes(of text: String) -> Bool {
    contains { $0.hasSameUTF8(as: text) }
  }
}
