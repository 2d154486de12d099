import Foundation
import JOSE
import TestSupport
import Testing

@testable import OIDC

@Suite struct VerifiedSignaturesTests {
  let verified: VerifiedSignatures
  let key: PublicKey

  init() throws {
    verified = try VerifiedSignatures()
    key = try PrivateKey(generating: .p256).publicKey()
  }

  /// Whether the token counts as signed, and whether that had to be verified.
  private func ask(
    _ token: String = "a.b.c", key: PublicKey? = nil, at seconds: Int = 0, isValid: Bool = true
  ) -> (isSigned: Bool, wasVerified: Bool) {
    var wasVerified = false
    let isSigned = verified.isValid(token, key: key ?? self.key, now: .seconds(seconds)) {
      wasVerified = true
      return isValid
    }
    return (isSigned, wasVerified)
  }

  @Test func `a signature that was verified is not verified again for a minute`() {
    #expect(ask() == (true, true))
    #expect(ask(at: 59) == (true, false))
    #expect(ask(at: 60) == (true, true))
    #expect(ask(at: 119) == (true, false))
  }

  @Test func `a signature that is not valid is verified every time`() {
    #expect(ask(isValid: false) == (false, true))
    #expect(ask(isValid: false) == (false, true))
    #expect(ask(isValid: true) == (true, true))
  }

  @Test func `another token, or the same with another signature, is verified`() {
    #expect(ask("a.b.c") == (true, true))
    #expect(ask("a.b.d", isValid: false) == (false, true))
    #expect(ask("a.b.c") == (true, false))
  }

  @Test func `what one key verified says nothing once there is another`() throws {
    #expect(ask() == (true, true))
    let other = try PrivateKey(generating: .p256).publicKey()
    #expect(ask(key: other, isValid: false) == (false, true))
  }

  @Test func `the memory is bounded`() {
    for number in 0..<VerifiedSignatures.capacity { _ = ask("token \(number)") }
    #expect(verified.count == VerifiedSignatures.capacity)
    #expect(ask("one more") == (true, true))
    #expect(verified.count == 1)
  }
}

/// The same through the whole validation.
@Suite struct VerifiedTokenTests {
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

  @Test func `a token whose signature was verified is remembered, and no other`() throws {
    let token = try provider.token(at: clock.date)
    let forged = String(token.dropLast(8)) + "AAAAAAAA"
    #expect(throws: TokenRefusal.self) { try validator.validate(forged, now: clock.date) }
    #expect(validator.rememberedSignatures == 0)
    for _ in 0..<2 { _ = try validator.validate(token, now: clock.date) }
    #expect(validator.rememberedSignatures == 1)
  }

  @Test func `a token that was verified expires all the same`() throws {
    let token = try provider.token(
      at: clock.date, claims: ["exp": "\(Int(clock.date.timeIntervalSince1970) - 50)"])
    _ = try validator.validate(token, now: clock.date)
    clock.advance(by: 9)
    _ = try validator.validate(token, now: clock.date)
    clock.advance(by: 1)
    #expect {
      try validator.validate(token, now: clock.date)
    } throws: { error in
      guard case TokenRefusal.invalid(.expired) = error else { return false }
      return true
    }
  }

  @Test func `a token that was verified is refused once its key is gone`() throws {
    let token = try provider.token(at: clock.date)
    _ = try validator.validate(token, now: clock.date)
    provider.removeKey("rsa-1")
    clock.advance(by: 40)
    // An unknown key makes the validator look, and with that rsa-1 is gone.
    let unknown = try provider.token(
      at: clock.date, keyID: "ec-1", header: #"{"alg":"ES256","kid":"unknown"}"#)
    #expect(throws: TokenRefusal.self) { try validator.validate(unknown, now: clock.date) }
    #expect {
      try validator.validate(token, now: clock.date)
    } throws: { error in
      guard case TokenRefusal.invalid(.keyNotFound) = error else { return false }
      return true
    }
  }

  @Test func `the claims of a verified token cannot be exchanged under its signature`() throws {
    let token = try provider.token(at: clock.date)
    _ = try validator.validate(token, now: clock.date)
    let other = try provider.token(at: clock.date, claims: ["sub": #""mallory""#])
    var segments = token.split(separator: ".")
    segments[1] = other.split(separator: ".")[1]
    let forged = segments.joined(separator: ".")
    #expect {
      try validator.validate(forged, now: clock.date)
    } throws: { error in
      guard case TokenRefusal.invalid(.jose(.signatureMismatch)) = error else { return false }
      return true
    }
  }
}
