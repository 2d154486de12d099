import Concurrency
import Foundation
import HTTPClient
import JOSE
import TestSupport
import Testing

@testable import OIDC

@Suite struct KeySetCacheTests {
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

  private func validate(keyID: String = "rsa-1") throws {
    _ = try validator.validate(provider.token(at: clock.date, keyID: keyID), now: clock.date)
  }

  private func isUnavailable(_ error: any Error) -> Bool {
    guard case TokenRefusal.providerUnavailable = error else { return false }
    return true
  }

  private func isKeyNotFound(_ error: any Error) -> Bool {
    guard case TokenRefusal.invalid(.keyNotFound) = error else { return false }
    return true
  }

  @Test func `keys are fetched once and kept`() throws {
    for _ in 0..<10 { try validate() }
    #expect(provider.fetches == 1)
  }

  @Test func `fifty threads that need the keys make one fetch`() throws {
    let token = try provider.token(at: clock.date)
    let accepted = Locked(0)
    DispatchQueue.concurrentPerform(iterations: 50) { _ in
      if (try? validator.validate(token, now: clock.date)) != nil { accepted.withLock { $0 += 1 } }
    }
    #expect(accepted.withLock { $0 } == 50)
    #expect(provider.fetches == 1)
  }

  @Test func `a key that appears later is found at once`() throws {
    try validate()
    try provider.addKey("rsa-2", .rs256)
    try validate(keyID: "rsa-2")
    #expect(provider.fetches == 2)
  }

  @Test func `a second new key within the interval is found after it`() throws {
    try validate()
    try provider.addKey("rsa-2", .rs256)
    try validate(keyID: "rsa-2")
    try provider.addKey("rsa-3", .rs256)
    #expect(performing: { try validate(keyID: "rsa-3") }, throws: isKeyNotFound)
    #expect(provider.fetches == 2)
    clock.advance(by: 30)
    try validate(keyID: "rsa-3")
    #expect(provider.fetches == 3)
  }

  @Test func `a look for a new key that fails is the provider's fault and is repeated`() throws {
    try validate()
    try provider.addKey("rsa-2", .rs256)
    provider.fail(.timedOut)
    #expect(performing: { try validate(keyID: "rsa-2") }, throws: isUnavailable)
    #expect(performing: { try validate(keyID: "rsa-2") }, throws: isUnavailable)
    try validate()
    provider.fail(nil)
    clock.advance(by: 6)
    try validate(keyID: "rsa-2")
  }

  @Test func `fifty threads with a new key make one fetch and are all accepted`() throws {
    try validate()
    try provider.addKey("rsa-2", .rs256)
    let token = try provider.token(at: clock.date, keyID: "rsa-2")
    let accepted = Locked(0)
    DispatchQueue.concurrentPerform(iterations: 50) { _ in
      if (try? validator.validate(token, now: clock.date)) != nil { accepted.withLock { $0 += 1 } }
    }
    #expect(accepted.withLock { $0 } == 50)
    #expect(provider.fetches == 2)
  }

  @Test func `tokens with made-up key ids cause one fetch in thirty seconds`() throws {
    try validate()
    clock.advance(by: 31)
    for number in 0..<100 {
      let token = try provider.token(
        payload: #"{"iss":"\#(FakeIdentityProvider.issuer)"}"#,
        header: #"{"alg":"RS256","kid":"made-up-\#(number)"}"#)
      #expect(
        performing: { try validator.validate(token, now: clock.date) }, throws: isKeyNotFound)
    }
    #expect(provider.fetches == 2)
  }

  @Test func `a bad signature under a known key causes no fetch`() throws {
    try validate()
    clock.advance(by: 60)
    let token = try provider.token(at: clock.date)
    let forged = token.dropLast(8) + "AAAAAAAA"
    #expect(throws: TokenRefusal.self) {
      try validator.validate(String(forged), now: clock.date)
    }
    #expect(provider.fetches == 1)
  }

  @Test func `without any keys an unreachable provider is not the caller's fault`() throws {
    provider.fail(.timedOut)
    #expect(performing: { try validate() }, throws: isUnavailable)
    provider.fail(nil)
    // Not at once: an outage must not make every request wait for a fetch.
    #expect(performing: { try validate() }, throws: isUnavailable)
    clock.advance(by: 6)
    try validate()
  }

  @Test func `known keys serve while the provider is down, for a day`() throws {
    try validate()
    provider.fail(.timedOut)
    clock.advance(by: 23 * 3600)
    try validate()
    clock.advance(by: 2 * 3600)
    #expect(performing: { try validate() }, throws: isUnavailable)
  }

  @Test(arguments: [
    HTTPResponse(status: 500), HTTPResponse(status: 200, body: Array("<html>".utf8)),
    HTTPResponse(status: 200, body: Array(#"{"keys":[]}"#.utf8)),
    HTTPResponse(status: 302, headers: [("location", "http://169.254.169.254/")]),
  ])
  func `an answer that is no key set counts as unavailable`(answer: HTTPResponse) throws {
    provider.answer(answer)
    #expect(performing: { try validate() }, throws: isUnavailable)
  }

  @Test func `a key that the provider removed stops validating once the set is fetched anew`()
    throws
  {
    try validate()
    let token = try provider.token(at: clock.date)
    provider.removeKey("rsa-1")
    clock.advance(by: 100)
    // An unknown key makes us look, and rsa-1 is gone with that.
    #expect(throws: TokenRefusal.self) {
      let other = try provider.token(
        payload: #"{"iss":"\#(FakeIdentityProvider.issuer)"}"#, keyID: "ec-1",
        header: #"{"alg":"ES256","kid":"other"}"#)
      return try validator.validate(other, now: clock.date)
    }
    #expect(performing: { try validator.validate(token, now: clock.date) }, throws: isKeyNotFound)
  }
}
