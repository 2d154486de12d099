import Concurrency
import Foundation
import HTTPClient
import JOSE
import Patterns
import StrictJSON
import TestSupport
import Testing

@testable import OIDC

@Suite struct ProvidersTests {
  let clock = FakeClock()
  let people: FakeIdentityProvider
  let machines: FakeIdentityProvider

  init() throws {
    people = try FakeIdentityProvider(issuer: "https://people.example")
    machines = try FakeIdentityProvider(issuer: "https://machines.example")
  }

  private var terms: [Provider] {
    [
      Provider(name: "people", issuer: people.issuer, audiences: ["runner-token-service"]),
      Provider(
        name: "machines", issuer: machines.issuer, audiences: ["runners"], algorithms: [.es256]),
    ]
  }

  private func validator(_ terms: [Provider]? = nil) throws -> TokenValidator {
    try TokenValidator(
      providers: terms ?? self.terms, http: FakeIdentityProvider.http(to: [people, machines]),
      uptime: clock.uptime)
  }

  private func fault(
    _ token: String, _ validator: TokenValidator? = nil
  ) throws -> TokenFault? {
    do {
      _ = try (validator ?? self.validator()).validate(token, now: clock.date)
      return nil
    } catch let TokenRefusal.invalid(fault) {
      return fault
    }
  }

  private func machineToken(_ claims: [String: String?] = [:], keyID: String = "ec-1") throws
    -> String
  {
    try machines.token(
      at: clock.date, claims: ["aud": #""runners""#].merging(claims) { $1 }, keyID: keyID)
  }

  @Test func `a token is held against the terms of its own provider`() throws {
    let validator = try validator()
    let person = try validator.validate(people.token(at: clock.date), now: clock.date)
    #expect(person.provider.name == "people")
    let machine = try validator.validate(machineToken(), now: clock.date)
    #expect(machine.provider.name == "machines")
    #expect(machine.issuer == machines.issuer)
  }

  @Test func `the audience of one provider is none for another`() throws {
    #expect(
      try fault(machineToken(["aud": #""runner-token-service""#]))
        == .wrongAudience(expected: ["runners"]))
    #expect(try fault(machineToken()) == nil)
  }

  @Test func `an algorithm that one provider may use is not thereby another's`() throws {
    #expect(try fault(machineToken(keyID: "rsa-1")) == .jose(.algorithmNotAllowed("RS256")))
    #expect(try fault(people.token(at: clock.date, keyID: "rsa-1")) == nil)
    #expect(machines.requestCount == 0)
  }

  @Test func `a key of one issuer does not verify another's token, even under the same id`() throws
  {
    let forged = try machines.token(
      at: clock.date, claims: ["iss": #""https://people.example""#], keyID: "ec-1")
    let validator = try validator()
    // Both sets are known, and both have a key of this id.
    _ = try validator.validate(people.token(at: clock.date, keyID: "ec-1"), now: clock.date)
    _ = try validator.validate(machineToken(), now: clock.date)
    #expect(try fault(forged, validator) == .jose(.signatureMismatch))
  }

  @Test func `a token of an unknown issuer is told of all that are known, and nothing is fetched`()
    throws
  {
    let stranger = try people.token(
      at: clock.date, claims: ["iss": #""https://stranger.example""#])
    #expect(
      try fault(stranger) == .issuerNotTrusted(expected: [people.issuer, machines.issuer]))
    #expect(people.requestCount + machines.requestCount == 0)
  }

  @Test func `a provider that is down leaves the others' callers alone`() throws {
    machines.fail(.timedOut)
    let validator = try validator()
    #expect {
      try validator.validate(machineToken(), now: clock.date)
    } throws: { error in
      guard case TokenRefusal.providerUnavailable = error else { return false }
      return true
    }
    _ = try validator.validate(people.token(at: clock.date), now: clock.date)
  }

  @Test func `what a provider's tokens must say is required`() throws {
    var terms = terms
    terms[1].requiredClaims = [
      ClaimRule(try #require(ClaimPath("organization")), .oneOf([.string("acme")])),
      ClaimRule(try #require(ClaimPath("/job/ref")), .pattern(try Pattern("refs/heads/.+"))),
    ]
    let validator = try validator(terms)
    let good = [
      "organization": #""acme""#, "job": #"{"ref":"refs/heads/main"}"#,
    ]
    #expect(try fault(machineToken(good), validator) == nil)
    #expect(
      try fault(machineToken(good.merging(["organization": #""evil""#]) { $1 }), validator)
        == .claimNotAccepted("organization"))
    #expect(
      try fault(machineToken(good.merging(["job": #"{"ref":"refs/pull/1"}"#]) { $1 }), validator)
        == .claimNotAccepted("/job/ref"))
    #expect(try fault(machineToken(), validator) == .claimNotAccepted("organization"))
    // Another provider's are not held to it.
    #expect(try fault(people.token(at: clock.date), validator) == nil)
  }

  @Test func `a provider's own certificate authorities are used for its keys and no other's`()
    throws
  {
    var terms = terms
    terms[1].certificateBundle = "/etc/machines.pem"
    let bundles = Locked<[String: String?]>([:])
    let http = FakeIdentityProvider.http(to: [people, machines])
    let validator = try TokenValidator(
      providers: terms,
      http: HTTPClient { request throws(HTTPClientError) in
        bundles.withLock { $0[request.url] = .some(request.certificateBundle) }
        return try http.send(request)
      }, uptime: clock.uptime)
    var isDown: [String: Bool] = [:]
    _ = validator.refreshKeys(isDown: &isDown, failed: { _, _ in }, recovered: { _ in })
    #expect(
      bundles.withLock { $0 } == [
        "https://people.example/.well-known/openid-configuration": nil,
        "https://people.example/jwks": nil,
        "https://machines.example/.well-known/openid-configuration": "/etc/machines.pem",
        "https://machines.example/jwks": "/etc/machines.pem",
      ])
  }

  // MARK: - Limits on waiting

  @Test func `one provider that hangs leaves places for the others' callers`() throws {
    let isFetching = DispatchSemaphore(value: 0)
    let mayAnswer = DispatchSemaphore(value: 0)
    let (people, machines) = (people, machines)
    let http = HTTPClient { request throws(HTTPClientError) in
      guard request.url.hasPrefix(machines.issuer) else { return try people.http.send(request) }
      isFetching.signal()
      mayAnswer.wait()
      throw .timedOut
    }
    var options = TokenValidator.Options()
    options.maximumWaiters = 2
    let validator = try TokenValidator(
      providers: terms, http: http, options: options, uptime: clock.uptime)
    let now = clock.date
    let machine = try machineToken()
    let isDone = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      _ = try? validator.validate(machine, now: now)
      isDone.signal()
    }
    isFetching.wait()
    // The share of this provider is taken: this call would hang if it waited.
    #expect(performing: { try validator.validate(machine, now: now) }, throws: isTooManyWaiting)
    // Nobody has the other provider's keys yet, and there is a place left to wait for them.
    _ = try validator.validate(people.token(at: now), now: now)
    mayAnswer.signal()
    isDone.wait()
  }

  @Test func `every provider's keys are kept fresh, each by a thread of its own`() throws {
    let hasFetched = DispatchSemaphore(value: 0)
    let (people, machines) = (people, machines)
    let http = HTTPClient { request throws(HTTPClientError) in
      // The first hangs, and the second's keys are fetched all the same.
      if request.url.hasPrefix(people.issuer) { DispatchSemaphore(value: 0).wait() }
      if request.url.hasSuffix("/jwks") { hasFetched.signal() }
      return try machines.http.send(request)
    }
    let validator = try TokenValidator(providers: terms, http: http, uptime: clock.uptime)
    validator.keepKeysFresh { _, _ in
    } recovered: { _ in
    }
    #expect(hasFetched.wait(timeout: .now() + 60) == .success)
  }

  private func isTooManyWaiting(_ error: any Error) -> Bool {
    guard case TokenRefusal.tooManyWaiting = error else { return false }
    return true
  }
}
