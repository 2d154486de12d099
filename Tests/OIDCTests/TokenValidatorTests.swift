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
    validator = TokenValidator(
      provider: Provider(
        issuer: FakeIdentityProvider.issuer, audiences: ["runner-token-service"]),
      http: provider.http, uptime: clock.uptime)
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

  @Test(arguments: [#""runner-token-service""#, #"["other","runner-token-service"]"#])
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
        == .issuerNotTrusted(expected: FakeIdentityProvider.issuer))
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
}
