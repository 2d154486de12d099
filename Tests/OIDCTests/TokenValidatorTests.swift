import Foundation
import HTTPClient
import JOSE
import OIDC
import StrictJSON
import TestSupport
import Testing

@Suite struct TokenValidatorTests {
  let clock = FakeClock()
  let provider: FakeIdentityProvider
  let validator: TokenValidator

  init() throws {
    provider = try FakeIdentityProvider()
    validator = try TokenValidator(
      providers: [
        Provider(issuer: FakeIdentityProvider.issuer, audiences: ["runner-token-service"])
      ], http: provider.http, uptime: clock.uptime)
  }

  private func validate(_ claims: [String: String?], keyID: String = "rsa-1") throws -> Claims {
    try validator.validate(
      provider.token(at: clock.date, claims: claims, keyID: keyID), now: clock.date)
  }

  /// Why a token with these claims is refused; nil if it is accepted.
  private func fault(_ claims: [String: String?]) throws -> TokenFault? {
    do {
      _ = try validate(claims)
      return nil
    } catch let TokenRefusal.invalid(fault) {
      return fault
    }
  }

  /// The same on other terms than the usual ones, and with another header.
  private func fault(
    _ claims: [String: String?] = [:], header: String? = nil, requiresTokenID: Bool = false,
    _ change: (inout Provider) -> Void
  ) throws -> TokenFault? {
    var terms = Provider(
      issuer: FakeIdentityProvider.issuer, audiences: ["runner-token-service"])
    change(&terms)
    var options = TokenValidator.Options()
    options.requiresTokenID = requiresTokenID
    let validator = try TokenValidator(
      providers: [terms], http: provider.http, options: options, uptime: clock.uptime)
    do {
      let token = try provider.token(at: clock.date, claims: claims, header: header)
      _ = try validator.validate(token, now: clock.date)
      return nil
    } catch let TokenRefusal.invalid(fault) {
      return fault
    }
  }

  private func at(_ offset: Int) -> String {
    String(Int(clock.date.timeIntervalSince1970) + offset)
  }

  @Test(arguments: ["rsa-1", "ec-1"])
  func `a token signed with a key of the provider is accepted`(keyID: String) throws {
    let claims = try validate([:], keyID: keyID)
    #expect(claims.subject == "alice")
    #expect(claims.issuer == FakeIdentityProvider.issuer)
    #expect(claims.text("email") == "alice@example.com")
  }

  @Test func `a token whose payload was changed is refused`() throws {
    let token = try provider.token(at: clock.date)
    let other = try provider.token(at: clock.date, claims: ["sub": "\"mallory\""])
    var parts = token.split(separator: ".")
    parts[1] = other.split(separator: ".")[1]
    let forged = parts.joined(separator: ".")
    #expect {
      try validator.validate(forged, now: clock.date)
    } throws: { error in
      guard case TokenRefusal.invalid(.jose(.signatureMismatch)) = error else { return false }
      return true
    }
  }

  @Test func `a token that expired within the leeway is accepted`() throws {
    #expect(try fault(["exp": at(-59)]) == nil)
  }

  @Test func `a token that expired before the leeway is refused`() throws {
    #expect(try fault(["exp": at(-60)]) == .expired)
  }

  @Test(arguments: [nil, "null", "\"2026\"", "-1", "1e308", "true", "[]"])
  func `a token without a usable expiry is refused`(value: String?) throws {
    #expect(try fault(["exp": value]) == .claimMissing("exp"))
  }

  @Test func `an expiry with a fraction is accepted`() throws {
    #expect(try fault(["exp": at(30) + ".5"]) == nil)
  }

  @Test(arguments: ["nbf", "iat"])
  func `a start within the leeway is accepted`(name: String) throws {
    #expect(try fault([name: at(60)]) == nil)
  }

  @Test func `a token from the future is refused`() throws {
    #expect(try fault(["nbf": at(61)]) == .notYetValid)
    #expect(try fault(["iat": at(61)]) == .issuedInFuture)
  }

  @Test(arguments: [
    #""runner-token-service""#, #"["runner-token-service"]"#,
    #"["runner-token-service","runner-token-service"]"#,
  ])
  func `a token for this audience is accepted`(audience: String) throws {
    #expect(try fault(["aud": audience]) == nil)
  }

  @Test(arguments: [
    #""""#, #"["other"]"#, "[]", #""runner-token-service/""#, #""Runner-Token-Service""#,
  ])
  func `a token for another audience is refused`(audience: String) throws {
    #expect(
      try fault(["aud": audience]) == .wrongAudience(expected: ["runner-token-service"]))
  }

  @Test(arguments: [nil, "{}", "7", #"[["runner-token-service"]]"#, #"["runner-token-service",7]"#])
  func `a token without a usable audience is refused`(audience: String?) throws {
    #expect(try fault(["aud": audience]) == .claimMissing("aud"))
  }

  @Test(arguments: [
    "https://id.example/", "http://id.example", "https://ID.example", "https://id.example:443", "",
  ])
  func `a token of another issuer is refused and nothing is fetched`(issuer: String) throws {
    #expect(
      try fault(["iss": "\"\(issuer)\""])
        == .issuerNotTrusted(expected: [FakeIdentityProvider.issuer]))
    #expect(provider.requestCount == 0)
  }

  @Test func `a token without a subject is refused`() throws {
    #expect(try fault(["sub": nil]) == .claimMissing("sub"))
  }

  @Test(arguments: [
    #""""#, #""a\nb""#, #""a\u0000b""#, #""\#(String(repeating: "x", count: 256))""#,
  ])
  func `a subject that could mislead is refused`(subject: String) throws {
    #expect(try fault(["sub": subject]) == .subjectNotUsable)
  }

  @Test func `the longest subject is accepted`() throws {
    #expect(try fault(["sub": "\"\(String(repeating: "x", count: 255))\""]) == nil)
  }

  @Test func `a token over 8 KiB is refused before anything is fetched`() throws {
    #expect {
      try validator.validate(String(repeating: "a", count: 8193), now: clock.date)
    } throws: { error in
      guard case TokenRefusal.invalid(.oversized) = error else { return false }
      return true
    }
    #expect(provider.requestCount == 0)
  }

  @Test(arguments: ["none", "HS256", "RS512"])
  func `an algorithm that is not allowed is refused and nothing is fetched`(name: String) throws {
    let payload = #"{"iss":"\#(FakeIdentityProvider.issuer)"}"#
    let token = try provider.token(
      payload: payload, header: #"{"alg":"\#(name)","kid":"rsa-1"}"#)
    #expect {
      try validator.validate(token, now: clock.date)
    } throws: { error in
      guard case TokenRefusal.invalid(.jose(.algorithmNotAllowed(name))) = error else {
        return false
      }
      return true
    }
    #expect(provider.requestCount == 0)
  }

  @Test func `a duplicate claim is refused`() throws {
    let token = try provider.token(
      payload: #"{"iss":"\#(FakeIdentityProvider.issuer)","sub":"a","\u0073ub":"b"}"#)
    #expect {
      try validator.validate(token, now: clock.date)
    } throws: { error in
      guard case TokenRefusal.invalid(.payloadNotJSON(.duplicateMember("sub"))) = error else {
        return false
      }
      return true
    }
  }

  // MARK: - Lifetime

  @Test func `a token that is valid for a day is accepted`() throws {
    #expect(try fault(["iat": at(0), "exp": at(86_400)]) == nil)
    #expect(try fault(["iat": at(-86_000), "exp": at(400)]) == nil)
    #expect(try fault(["iat": nil, "exp": at(86_400)]) == nil)
  }

  @Test func `a token that is valid for longer is refused`() throws {
    #expect(
      try fault(["iat": at(0), "exp": at(86_401)]) == .lifetimeTooLong(maximum: 86_400))
    #expect(
      try fault(["iat": at(-86_000), "exp": at(401)]) == .lifetimeTooLong(maximum: 86_400))
    #expect(
      try fault(["iat": nil, "exp": at(86_461)]) == .lifetimeTooLong(maximum: 86_400))
  }

  @Test func `how long a token may be valid can be set`() throws {
    #expect(try fault { $0.maximumLifetime = 300 } == nil)
    #expect(try fault { $0.maximumLifetime = 299 } == .lifetimeTooLong(maximum: 299))
  }

  @Test func `the leeway can be set`() throws {
    #expect(try fault(["exp": at(-1)]) { $0.leeway = 0 } == .expired)
    #expect(try fault(["exp": at(1)]) { $0.leeway = 0 } == nil)
    #expect(try fault(["exp": at(-299)]) { $0.leeway = 300 } == nil)
  }

  // MARK: - Parties

  @Test func `a token that others may use too is refused unless we asked for it`() throws {
    let both = #"["other","runner-token-service"]"#
    #expect(try fault(["aud": both, "azp": #""runner-token-service""#]) == nil)
    #expect(try fault(["aud": both, "azp": #""other""#]) == .partyNotAuthorized)
    #expect(try fault(["aud": both]) == .partyNotAuthorized)
    #expect(try fault(["aud": both, "azp": "7"]) == .claimMissing("azp"))
  }

  @Test func `whoever asked for a token that is for us alone is accepted`() throws {
    #expect(try fault(["azp": #""a-client""#]) == nil)
    #expect(try fault(["azp": "7"]) == .claimMissing("azp"))
  }

  @Test func `the parties that may ask for tokens can be set`() throws {
    let both = #"["other","runner-token-service"]"#
    func faultOf(_ claims: [String: String?]) throws -> TokenFault? {
      try fault(claims) { $0.authorizedParties = ["runner-cli"] }
    }
    #expect(try faultOf(["azp": #""runner-cli""#]) == nil)
    #expect(try faultOf(["azp": #""runner-cli""#, "aud": both]) == nil)
    #expect(try faultOf(["azp": #""runner-cli2""#]) == .partyNotAuthorized)
    #expect(try faultOf([:]) == .partyNotAuthorized)
    #expect(try faultOf(["azp": #""runner-token-service""#, "aud": both]) == .partyNotAuthorized)
  }

  // MARK: - Names

  @Test(arguments: [
    "SUB", "\u{17F}ub", "Sub", "ISS", "Email", "email_\u{FF56}erified", "s\u{AD}ub", "sub\u{200B}",
  ])
  func `a claim that looks like one that is read is refused`(name: String) throws {
    #expect(try fault([name: #""mallory""#]) == .misleadingClaimName(name))
  }

  @Test(arguments: ["subject", "issuer", "https://example.com/sub", "é", "x-email"])
  func `a claim of another name is not looked at`(name: String) throws {
    #expect(try fault([name: #""mallory""#]) == nil)
  }

  @Test func `a look-alike of a claim that only this configuration reads is refused`() throws {
    #expect(try fault(["Login": #""x""#]) == nil)
    #expect(
      try fault(["Login": #""x""#]) { $0.identityClaim = "login" }
        == .misleadingClaimName("Login"))
  }

  // MARK: - Kinds of token

  @Test(arguments: [nil, "JWT", "jwt", "at+jwt", "application/at+JWT"])
  func `an access token and an ID token are accepted`(type: String?) throws {
    #expect(try fault(header: header(type: type)) { _ in } == nil)
  }

  @Test(arguments: ["logout+jwt", "secevent+jwt", "dpop+jwt", "", "JWT ", "application/jwt+x"])
  func `a token of another kind is refused`(type: String) throws {
    #expect(try fault(header: header(type: type)) { _ in } == .typeNotAccepted)
  }

  @Test func `the kind of token can be set, and then none is not enough`() throws {
    func faultOf(_ type: String?) throws -> TokenFault? {
      try fault(header: header(type: type)) { $0.tokenTypes = .only(["at+jwt"]) }
    }
    #expect(try faultOf("at+jwt") == nil)
    #expect(try faultOf("application/at+jwt") == nil)
    #expect(try faultOf("JWT") == .typeNotAccepted)
    #expect(try faultOf(nil) == .typeNotAccepted)
  }

  private func header(type: String?) -> String {
    let member = type.map { #","typ":"\#($0)""# } ?? ""
    return #"{"alg":"RS256","kid":"rsa-1"\#(member)}"#
  }

  // MARK: - Token ids

  @Test(arguments: [nil, "7", #""""#, #""a\nb""#, #""\#(String(repeating: "x", count: 256))""#])
  func `where tokens are good for one runner only, one without a usable id is refused`(
    id: String?
  ) throws {
    #expect(try fault(["jti": id], requiresTokenID: true) { _ in } == .claimMissing("jti"))
    #expect(try fault(["jti": id]) == nil)
  }

  @Test func `a token with an id is accepted everywhere`() throws {
    #expect(try fault(["jti": #""a-1""#], requiresTokenID: true) { _ in } == nil)
    #expect(try validate(["jti": #""a-1""#]).tokenID == "a-1")
  }

  // MARK: - Checks in order

  @Test func `a token that is accepted has passed every check in order`() throws {
    var passed: [TokenCheck] = []
    _ = try validator.validate(provider.token(at: clock.date), now: clock.date) {
      passed.append($0)
    }
    #expect(passed == TokenCheck.allCases)
  }

  @Test func `what a refused token has passed ends before the check that it failed`() throws {
    var passed: [TokenCheck] = []
    let token = try provider.token(at: clock.date, claims: ["sub": nil])
    #expect(throws: TokenRefusal.self) {
      try validator.validate(token, now: clock.date) { passed.append($0) }
    }
    #expect(passed == Array(TokenCheck.allCases.prefix { $0 != .subject }))
  }
}
