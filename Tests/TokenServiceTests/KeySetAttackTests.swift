import Concurrency
import FastCGI
import Foundation
import HTTPClient
import JOSE
@testable import OIDC
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// Bad keys, bad key sets, and callers who want the keys to be fetched again and again.
@Suite struct KeySetAttackTests {
  // MARK: - Keys

  /// A key that must verify nothing, under the id `bad`, and how its owner signs.
  struct BadKey: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let algorithm: String
    let jwk: @Sendable () throws -> String
    let sign: @Sendable (_ input: [UInt8]) throws -> [UInt8]

    /// The provider's RSA key, with other members.
    static func rsa(_ name: String, _ members: [String: String?]) -> BadKey {
      BadKey(testDescription: name, algorithm: "RS256") {
        try AttackKeys.rsa.privateKey.jwk(["kid": #""bad""#].merging(members) { $1 })
      } sign: {
        try AttackKeys.rsa.privateKey.signature(over: $0, algorithm: .rs256)
      }
    }

    /// The provider's P-256 key, with other members.
    static func ec(
      _ name: String,
      _ members: @escaping @Sendable (_ x: [UInt8], _ y: [UInt8]) -> [String: String]
    ) -> BadKey {
      BadKey(testDescription: name, algorithm: "ES256") {
        let point = (AttackKeys.ec.raw.number("qx"), AttackKeys.ec.raw.number("qy"))
        let bad: [String: String?] = members(point.0, point.1)
        return try AttackKeys.ec.privateKey.jwk(["kid": #""bad""#].merging(bad) { $1 })
      } sign: {
        try AttackKeys.ec.privateKey.signature(over: $0, algorithm: .es256)
      }
    }
  }

  private static let short = TestKey(rsaBits: 1024)
  private static let secret = [UInt8](repeating: 7, count: 32)

  private static func text(_ bytes: [UInt8]) -> String { "\"\(Base64URL.encode(bytes))\"" }

  static let badKeys: [BadKey] = [
    BadKey(testDescription: "RSA of 1024 bits", algorithm: "RS256") {
      "{\"kty\":\"RSA\",\"kid\":\"bad\",\"e\":\"AQAB\",\"n\":\(text(short.number("n")))}"
    } sign: {
      short.opensslSignature(over: $0)
    },
    BadKey(testDescription: "RSA with the exponent 1", algorithm: "RS256") {
      try AttackKeys.rsa.privateKey.jwk(["kid": #""bad""#, "e": #""AQ""#])
    } sign: {
      PKCS1.paddedDigest(of: $0)
    },
    BadKey(testDescription: "a secret", algorithm: "HS256") {
      "{\"kty\":\"oct\",\"kid\":\"bad\",\"alg\":\"HS256\",\"k\":\(text(secret))}"
    } sign: {
      TestKey.hmac($0, secret: secret)
    },
    .rsa("RSA with the exponent 2", ["e": #""Ag""#]),
    .rsa("RSA with an even modulus's base64", ["n": #""AAAA=""#]),
    .rsa("for encryption", ["use": #""enc""#]),
    .rsa("for something that is not said in text", ["use": "1"]),
    .rsa("to encrypt", ["key_ops": #"["encrypt"]"#]),
    .rsa("to sign only", ["key_ops": #"["sign"]"#]),
    .rsa("for no operation", ["key_ops": "[]"]),
    .rsa("for another algorithm of its type", ["alg": #""RS512""#]),
    .rsa("for another type's algorithm", ["alg": #""ES256""#]),
    .rsa("for encryption by its algorithm", ["alg": #""RSA-OAEP""#]),
    .rsa("of an unknown type", ["kty": #""XYZ""#]),
    .rsa("without type", ["kty": nil]),
    .rsa("with its private half", ["d": #""AQAB""#]),
    .rsa("whose id is a number", ["kid": "1"]),
    .ec("a point off the curve") { x, y in ["y": text(y.dropLast() + [(y.last ?? 0) ^ 1])] },
    .ec("the point zero") { x, _ in ["x": text(x.map { _ in 0 }), "y": text(x.map { _ in 0 })] },
    .ec("a coordinate with a leading zero") { x, _ in ["x": text([0] + x)] },
    .ec("a coordinate that is short") { x, _ in ["x": text(x.dropLast())] },
    .ec("an unknown curve") { _, _ in ["crv": #""P-999""#] },
    .ec("the name of another curve") { _, _ in ["crv": #""P-384""#] },
  ]

  @Test(arguments: badKeys)
  func `a key that must not verify signatures is left out, and the others of its set work`(
    bad: BadKey
  ) throws {
    let service = try AttackedService()
    service.provider.answer(keys: [
      try bad.jwk(), "null", "[]", #"{"kty":"XYZ","kid":"x"}"#,
      try AttackKeys.rsa.privateKey.jwk(["kid": #""rsa-1""#]),
      try AttackKeys.ec.privateKey.jwk(["kid": #""ec-1""#]),
    ])
    let payload = Base64URL.encode(Array(try service.honestTexts().payload.utf8))
    let header = "{\"alg\":\"\(bad.algorithm)\",\"kid\":\"bad\"}"
    let input = Base64URL.encode(Array(header.utf8)) + "." + payload
    try service.expectRefused(input + "." + Base64URL.encode(bad.sign(Array(input.utf8))))
    for keyID in ["rsa-1", "ec-1"] { try service.expectAccepted(service.token(keyID: keyID)) }
  }

  @Test func `an id that two keys have is no key's`() throws {
    let service = try AttackedService()
    let keys = [AttackKeys.rsa.privateKey, AttackKeys.attackerRSA]
    service.provider.answer(
      keys: try keys.map { try $0.jwk(["kid": #""rsa-1""#]) } + [
        try AttackKeys.ec.privateKey.jwk(["kid": #""rsa-1""#])
      ])
    try service.expectRefused(service.token())
    try service.expectAccepted(
      service.token(keyID: "ec-1", header: #"{"alg":"ES256","kid":"rsa-1"}"#))
  }

  // MARK: - Answers

  static let uselessAnswers: [HTTPResponse] = [
    HTTPResponse(status: 500), HTTPResponse(status: 404), HTTPResponse(status: 200),
    HTTPResponse(status: 200, body: Array("<html><body>Maintenance</body></html>".utf8)),
    HTTPResponse(status: 200, body: Array(#"{"keys":{}}"#.utf8)),
    HTTPResponse(status: 200, body: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]),
    HTTPResponse(status: 200, body: Array(String(repeating: "[", count: 100_000).utf8)),
    HTTPResponse(
      status: 200,
      body: Array(
        "{\"keys\":[\(Array(repeating: #"{"kty":"x"}"#, count: 10_000).joined(separator: ","))]}"
          .utf8)),
  ]
  @Test(arguments: [#"{"keys":[]}"#, #"{"keys":[{"kty":"oct","k":"AAAA"}]}"#])
  func `a key set without a usable key is believed, and looked at again soon`(keySet: String) throws
  {
    let service = try AttackedService()
    service.provider.answer(HTTPResponse(status: 200, body: Array(keySet.utf8)))
    let token = try service.token()
    #expect(service.provision(token, name: "attacked").problem == "401 INVALID_TOKEN")
    #expect(service.provider.fetches == 1)
    service.provider.answer(nil)
    service.world.clock.advance(by: 6)
    try service.expectAccepted(service.token())
  }

  /// Each with the place that a client could be led to.
  static let redirects: [HTTPResponse] = [301, 302, 303, 307, 308].flatMap { status in
    [
      "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "https://evil.example/jwks",
      "https://machines.example/other",
    ].map { HTTPResponse(status: status, headers: [("location", $0)]) }
  }

  @Test(arguments: uselessAnswers + redirects)
  func `an answer that is no key set is the provider's fault and leads nowhere`(
    answer: HTTPResponse
  ) throws {
    let service = try AttackedService()
    service.provider.answer(answer)
    try service.expectUnavailable(service.token())
    #expect(service.provider.fetches == 1)
    #expect(service.provider.requestCount == 2)
    service.provider.answer(nil)
    service.world.clock.advance(by: 6)
    try service.expectAccepted(service.token())
  }

  @Test(arguments: [
    #"{"issuer":"https://evil.example","jwks_uri":"https://machines.example/jwks"}"#,
    #"{"issuer":"https://machines.example/","jwks_uri":"https://machines.example/jwks"}"#,
    #"{"issuer":"https://MACHINES.example","jwks_uri":"https://machines.example/jwks"}"#,
    #"{"issuer":["https://machines.example"],"jwks_uri":"https://machines.example/jwks"}"#,
    #"{"issuer":"a","issuer":"https://machines.example","jwks_uri":"https://machines.example/jwks"}"#,
    #"{"jwks_uri":"https://machines.example/jwks"}"#, #"{"issuer":"https://machines.example"}"#,
    #"{"issuer":"https://machines.example","jwks_uri":7}"#, "<html>", "",
    #"{"issuer":"https://machines.example","jwks_uri":"http://127.0.0.1:9000/jwks"}"#,
  ])
  func `a discovery document of another issuer, or without a good address, lends no keys`(
    document: String
  ) throws {
    let service = try AttackedService()
    service.provider.answer(metadata: HTTPResponse(status: 200, body: Array(document.utf8)))
    try service.expectUnavailable(service.token())
    #expect(service.provider.fetches == 0)
    // The callers of other providers do not notice.
    #expect(try service.world.provision().status == 201)
    service.provider.answer(metadata: nil)
    service.world.clock.advance(by: 6)
    try service.expectAccepted(service.token())
  }

  // MARK: - Callers who make work

  @Test func `a thousand made-up key ids within ten seconds cause one fetch`() throws {
    let service = try AttackedService()
    try service.expectAccepted(service.token())
    let segments = try service.segments()
    for number in 0..<1000 {
      service.world.clock.advance(by: 0.01)
      let header = "{\"alg\":\"RS256\",\"kid\":\"made-up-\(number)\"}"
      let token = "\(Base64URL.encode(Array(header.utf8))).\(segments[1]).\(segments[2])"
      #expect(service.provision(token, name: "attacked").problem == "401 INVALID_TOKEN")
    }
    #expect(service.provider.fetches == 2)
    try service.expectAccepted(service.token())
    #expect(service.provider.fetches == 2)
  }

  @Test func `fifty callers with a new key make one fetch and are all accepted`() throws {
    // So many threads that all may wait for this provider.
    let service = try AttackedService(workerThreads: 160)
    try service.expectAccepted(service.token())
    try service.provider.addKey("rsa-2", .rs256, AttackKeys.attackerRSA)
    let token = try service.token(keyID: "rsa-2")
    let statuses = Locked<[Int]>([])
    let done = DispatchGroup()
    for number in 0..<50 {
      done.enter()
      Thread.detachNewThread {
        let status = service.provision(token, name: "ci-\(number)").status
        statuses.withLock { $0.append(status) }
        done.leave()
      }
    }
    done.wait()
    #expect(statuses.withLock { $0 } == Array(repeating: 201, count: 50))
    #expect(service.provider.fetches == 2)
  }

  // MARK: - Keys come and go

  private func readiness(_ service: AttackedService) throws -> JSONValue? {
    let response = service.world.send("GET", "/health/ready")
    return try response.object["checks"]?.object?["oidc_keys_machines"]
  }

  @Test func `while the provider is down its known keys serve for a day, and readiness says so`()
    throws
  {
    let service = try AttackedService()
    try service.expectAccepted(service.token())
    service.provider.fail(.timedOut)
    service.world.clock.advance(by: 601)
    try service.expectAccepted(service.token())
    #expect(try readiness(service) == .string("stale"))
    // Keys that are not known could be the provider's: nobody can tell.
    try service.provider.addKey("rsa-2", .rs256, AttackKeys.attackerRSA)
    try service.expectUnavailable(service.token(keyID: "rsa-2"))
    service.world.clock.advance(by: 86_400)
    try service.expectUnavailable(service.token())
    service.provider.fail(nil)
    service.world.clock.advance(by: 6)
    for keyID in ["rsa-1", "rsa-2"] { try service.expectAccepted(service.token(keyID: keyID)) }
  }

  @Test func `while the provider answers its keys are ready`() throws {
    let service = try AttackedService()
    try service.expectAccepted(service.token())
    #expect(try readiness(service) == .string("ok"))
  }

  /// What the worker's own thread does from time to time.
  private func refreshKeys(of service: AttackedService) throws {
    let validator = try #require(service.world.service.authenticator.tokenValidator)
    var isDown: [String: Bool] = [:]
    _ = validator.refreshKeys(
      isDown: &isDown, failed: { _, reason in Issue.record("\(reason)") }, recovered: { _ in })
  }

  @Test func `a key that was taken away, or replaced under its id, is refused within ten minutes`()
    throws
  {
    let service = try AttackedService()
    try service.expectAccepted(service.token())
    try service.expectAccepted(service.token(keyID: "ec-1"))
    service.provider.removeKey("rsa-1")
    service.provider.removeKey("ec-1")
    try service.provider.addKey("ec-1", .es256, AttackKeys.attackerEC)
    service.world.clock.advance(by: 600)
    try refreshKeys(of: service)
    let now = service.world.clock.date
    let former = FakeIdentityProvider(
      issuer: AttackedService.issuer,
      keys: [
        ("rsa-1", .rs256, AttackKeys.rsa.privateKey), ("ec-1", .es256, AttackKeys.ec.privateKey),
      ])
    for keyID in ["rsa-1", "ec-1"] {
      try service.expectRefused(former.token(at: now, keyID: keyID))
    }
    try service.expectAccepted(service.token(keyID: "ec-1"))
  }
}
