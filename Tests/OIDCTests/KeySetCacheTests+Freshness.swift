import Concurrency
import Foundation
import HTTPClient
import JOSE
import TestSupport
import Testing

@testable import OIDC

/// How keys are kept fresh, and what becomes of those that their provider takes away.
extension KeySetCacheTests {
  /// What the thread does that keeps keys fresh; returns the reasons of failures.
  @discardableResult
  private func refresh() -> (failures: [String], pause: Duration?) {
    var failures: [String] = []
    var isDown: [String: Bool] = [:]
    let pause = validator.refreshKeys(
      isDown: &isDown, failed: { failures.append($1) }, recovered: { _ in })
    return (failures, pause)
  }

  @Test func `keys are fetched before anybody asks`() throws {
    #expect(refresh().pause == .seconds(450))
    try validate()
    #expect(provider.fetches == 1)
  }

  @Test func `keys are fetched anew shortly before their time is up, and not earlier`() throws {
    refresh()
    clock.advance(by: 449)
    refresh()
    #expect(provider.fetches == 1)
    clock.advance(by: 1)
    refresh()
    #expect(provider.fetches == 2)
  }

  @Test(arguments: [
    ("max-age=3600", 3600), ("public, max-age=120, must-revalidate", 120), ("max-age=5", 60),
    ("max-age=99999999", 86_400), ("no-store", 60), ("max-age=nonsense", 600), ("private", 600),
    ("max-age=-1", 60),
  ])
  func `the provider says how long its keys keep, within bounds`(header: String, seconds: Int)
    throws
  {
    provider.setCacheControl(header)
    #expect(refresh().pause == .seconds(seconds) * 3 / 4)
  }

  @Test func `a key that the provider took away stops validating within its time`() throws {
    refresh()
    try validate()
    let token = try provider.token(at: clock.date)
    provider.removeKey("rsa-1")
    clock.advance(by: 200)
    _ = try validator.validate(token, now: clock.date)
    clock.advance(by: 250)
    refresh()
    #expect(throws: TokenRefusal.self) { try validator.validate(token, now: clock.date) }
  }

  @Test func `a key that was replaced under its id stops validating within its time`() throws {
    refresh()
    let old = try provider.token(at: clock.date)
    _ = try validator.validate(old, now: clock.date)
    provider.removeKey("rsa-1")
    try provider.addKey("rsa-1", .rs256)
    clock.advance(by: 200)
    _ = try validator.validate(old, now: clock.date)
    clock.advance(by: 250)
    refresh()
    #expect(throws: TokenRefusal.self) { try validator.validate(old, now: clock.date) }
    try validate()
  }

  @Test func `an outage is told as long as it lasts, and its end once`() throws {
    var isDown: [String: Bool] = [:]
    var told: [String] = []
    func turn(after seconds: Double) {
      clock.advance(by: seconds)
      _ = validator.refreshKeys(
        isDown: &isDown, failed: { name, _ in told.append("\(name) failed") },
        recovered: { told.append("\($0) recovered") })
    }
    turn(after: 0)
    provider.fail(.timedOut)
    turn(after: 450)
    // Too early for another attempt, and no news.
    turn(after: 29)
    #expect(told == ["default failed"])
    turn(after: 1)
    #expect(told == ["default failed", "default failed"])
    provider.fail(nil)
    turn(after: 30)
    turn(after: 450)
    #expect(told == ["default failed", "default failed", "default recovered"])
  }

  @Test
  func
    `where the time of the keys is up and the provider down, a new key is not the caller's fault`()
    throws
  {
    try validate()
    try provider.addKey("rsa-2", .rs256)
    provider.fail(.timedOut)
    clock.advance(by: 700)
    #expect(performing: { try validate(keyID: "rsa-2") }, throws: isUnavailable)
    try validate()
  }

  @Test func `keys that do not keep for long are tried again before their time is up`() throws {
    provider.setCacheControl("max-age=60")
    refresh()
    provider.fail(.timedOut)
    clock.advance(by: 45)
    #expect(refresh().pause == .seconds(7.5))
  }

  @Test func `a refresh that fails is told, and repeated after half a minute`() throws {
    refresh()
    provider.fail(.timedOut)
    clock.advance(by: 600)
    let (failures, pause) = refresh()
    #expect(failures.count == 1)
    #expect(pause == .seconds(30))
    provider.fail(nil)
    #expect(refresh().failures.isEmpty)
    #expect(provider.fetches == 1)
    clock.advance(by: 30)
    #expect(refresh().pause == .seconds(450))
    #expect(provider.fetches == 2)
  }

  @Test func `while a provider is down a request with a known key fetches nothing`() throws {
    refresh()
    provider.fail(.timedOut)
    clock.advance(by: 450)
    refresh()
    for _ in 0..<20 {
      clock.advance(by: 30)
      refresh()
      let requests = provider.requestCount
      try validate()
      #expect(provider.requestCount == requests)
    }
  }

  @Test func `keys whose time is up are fetched by a request where nothing else does it`() throws {
    let expiry = "\(Int(clock.date.timeIntervalSince1970) + 3600)"
    let token = try provider.token(at: clock.date, claims: ["exp": expiry])
    _ = try validator.validate(token, now: clock.date)
    provider.removeKey("rsa-1")
    clock.advance(by: 599)
    _ = try validator.validate(token, now: clock.date)
    clock.advance(by: 1)
    #expect(performing: { try validator.validate(token, now: clock.date) }, throws: isKeyNotFound)
  }

  @Test(arguments: [#"{"keys":[]}"#, #"{"keys":[{"kty":"oct","k":"AAAA","kid":"rsa-1"}]}"#])
  func `a provider that has taken all its keys away is believed`(keySet: String) throws {
    refresh()
    try validate()
    provider.answer(HTTPResponse(status: 200, body: Array(keySet.utf8)))
    clock.advance(by: 450)
    refresh()
    #expect(performing: { try validate() }, throws: isKeyNotFound)
    #expect(
      validator.keyStates().first?.state == .missing(reason: "the key set has no usable key"))
    provider.answer(nil)
    // It may be a mistake, which should not last.
    clock.advance(by: 45)
    refresh()
    try validate()
  }

  @Test func `made-up key ids while the provider is down cause one fetch in thirty seconds`() throws
  {
    try validate()
    provider.fail(.timedOut)
    let requests = provider.requestCount
    let token = try provider.token(
      at: clock.date, header: #"{"alg":"RS256","kid":"made-up"}"#)
    for _ in 0..<60 {
      #expect(
        performing: { try validator.validate(token, now: clock.date) }, throws: isUnavailable)
      clock.advance(by: 1)
    }
    #expect(provider.requestCount == requests + 2)
  }

  // The limit ends a hang, which would be the defect; nothing here is timed.
  @Test(.timeLimit(.minutes(1)))
  func `a look for a new key is not content with a fetch that began before`() throws {
    try validate()
    clock.advance(by: 500)
    let provider = provider
    let isFetching = DispatchSemaphore(value: 0)
    let mayAnswer = DispatchSemaphore(value: 0)
    // The refresh gets the old keys and is held up on its way back.
    provider.onKeySet {
      isFetching.signal()
      mayAnswer.wait()
    }
    let validator = validator
    let isRefreshed = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      var isDown: [String: Bool] = [:]
      _ = validator.refreshKeys(isDown: &isDown, failed: { _, _ in }, recovered: { _ in })
      isRefreshed.signal()
    }
    isFetching.wait()
    try provider.addKey("rsa-2", .rs256)
    let token = try provider.token(at: clock.date, keyID: "rsa-2")
    let now = clock.date
    let outcome = Locked<Bool?>(nil)
    let isDone = DispatchSemaphore(value: 0)
    let isAsking = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      let isAccepted =
        (try? validator.validate(token, now: now) { check in
          // What comes next is the key.
          if check == .type { isAsking.signal() }
        }) != nil
      outcome.withLock { $0 = isAccepted }
      isDone.signal()
    }
    isAsking.wait()
    // The refresh ends only once the caller waits for it.
    while validator.looks == 0 { Thread.sleep(forTimeInterval: 0.001) }
    mayAnswer.signal()
    isRefreshed.wait()
    isDone.wait()
    #expect(outcome.withLock { $0 } == true)
  }

  @Test func `a cache on the way shortens the time that keys keep`() throws {
    provider.setCacheControl("max-age=3600", age: "600")
    #expect(refresh().pause == .seconds(3000) * 3 / 4)
    provider.setCacheControl("max-age=3600", age: "99999")
    clock.advance(by: 3000)
    #expect(refresh().pause == .seconds(45))
  }

  @Test func `a provider that sends key sets only as such is asked for them`() throws {
    let provider = provider
    let validator = try TokenValidator(
      providers: [
        Provider(issuer: FakeIdentityProvider.issuer, audiences: ["runner-token-service"])
      ],
      http: HTTPClient { request throws(HTTPClientError) in
        let accept = request.headers.first { $0.name == "Accept" }?.value ?? ""
        let type = request.url.hasSuffix("/jwks") ? "application/jwk-set+json" : "application/json"
        guard accept.contains(type) else { return HTTPResponse(status: 406) }
        return try provider.http.send(request)
      }, uptime: clock.uptime)
    _ = try validator.validate(provider.token(at: clock.date), now: clock.date)
  }

  @Test func `what is asked of a provider is bounded`() throws {
    let requests = Locked<[HTTPRequest]>([])
    let provider = provider
    let validator = try TokenValidator(
      providers: [
        Provider(issuer: FakeIdentityProvider.issuer, audiences: ["runner-token-service"])
      ],
      http: HTTPClient { request throws(HTTPClientError) in
        requests.withLock { $0.append(request) }
        return try provider.http.send(request)
      }, uptime: clock.uptime)
    var isDown: [String: Bool] = [:]
    _ = validator.refreshKeys(isDown: &isDown, failed: { _, _ in }, recovered: { _ in })
    let sent = requests.withLock { $0 }
    #expect(sent.map(\.maximumResponseSize) == [64 << 10, 256 << 10])
    for request in sent { #expect(request.totalTimeout <= .seconds(5)) }
    // Both together get no more than one alone.
    #expect(try #require(sent.last).totalTimeout < .seconds(5))
  }

  @Test func `whether there are keys is told, and stale ones are told apart`() throws {
    func state() -> KeyState? { validator.keyStates().first?.state }
    provider.fail(.timedOut)
    #expect(
      state() == .missing(reason: "https://id.example/.well-known/openid-configuration: timedOut"))
    provider.fail(nil)
    // Whoever asks for the state does not make it worse for a provider that is down.
    clock.advance(by: 29)
    #expect(state() != .fresh)
    clock.advance(by: 1)
    #expect(state() == .fresh)
    provider.fail(.timedOut)
    clock.advance(by: 601)
    #expect(
      state() == .stale(reason: "https://id.example/.well-known/openid-configuration: timedOut"))
    clock.advance(by: 86_400)
    #expect(
      state() == .missing(reason: "https://id.example/.well-known/openid-configuration: timedOut"))
  }
}
