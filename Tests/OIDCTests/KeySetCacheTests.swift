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
    validator = try TokenValidator(
      providers: [
        Provider(issuer: FakeIdentityProvider.issuer, audiences: ["runner-token-service"])
      ], http: provider.http, uptime: clock.uptime)
  }

  func validate(keyID: String = "rsa-1") throws {
    _ = try validator.validate(provider.token(at: clock.date, keyID: keyID), now: clock.date)
  }

  func isUnavailable(_ error: any Error) -> Bool {
    guard case TokenRefusal.providerUnavailable = error else { return false }
    return true
  }

  func isKeyNotFound(_ error: any Error) -> Bool {
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
    clock.advance(by: 30)
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
    clock.advance(by: 86_399)
    try validate()
    clock.advance(by: 1)
    #expect(performing: { try validate() }, throws: isUnavailable)
  }

  @Test(arguments: [
    HTTPResponse(status: 500), HTTPResponse(status: 200, body: Array("<html>".utf8)),
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

  // MARK: - Waiting

  @Test func `callers over the limit are not kept waiting for a provider that hangs`() throws {
    let isFetching = DispatchSemaphore(value: 0)
    let mayAnswer = DispatchSemaphore(value: 0)
    let provider = provider
    let http = HTTPClient { request throws(HTTPClientError) in
      isFetching.signal()
      mayAnswer.wait()
      return try provider.http.send(request)
    }
    var options = TokenValidator.Options()
    options.maximumWaiters = 1
    let validator = try TokenValidator(
      providers: [
        Provider(issuer: FakeIdentityProvider.issuer, audiences: ["runner-token-service"])
      ], http: http, options: options, uptime: clock.uptime)
    let token = try provider.token(at: clock.date)
    let now = clock.date
    let isAccepted = Locked(false)
    let isDone = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      if (try? validator.validate(token, now: now)) != nil { isAccepted.withLock { $0 = true } }
      isDone.signal()
    }
    isFetching.wait()
    // The one place is taken: this call would hang if it waited too.
    #expect(
      performing: { try validator.validate(token, now: now) },
      throws: { error in
        guard case TokenRefusal.tooManyWaiting = error else { return false }
        return true
      })
    for _ in 0..<2 { mayAnswer.signal() }
    isDone.wait()
    #expect(isAccepted.withLock { $0 })
    // And now the place is free, and nothing has to be fetched.
    _ = try validator.validate(token, now: now)
  }
}
