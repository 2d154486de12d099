import JOSE
import StrictJSON
import TestSupport
import Testing

struct JWKTests {
  // MARK: - Declared use

  @Test(
    arguments: [
      [:], ["use": #""sig""#], ["key_ops": #"["verify"]"#], ["key_ops": #"["sign","verify"]"#],
      ["use": #""sig""#, "key_ops": #"["verify"]"#], ["alg": #""RS256""#], ["alg": #""PS512""#],
      ["x5t": #""abc""#], ["kid": #""""#],
    ])
  func `a key for signatures is usable`(members: [String: String]) throws {
    let jwk = try Keys.rsa.jwk(members)
    #expect(try verificationKey(jwk).key.type == .rsa)
  }

  @Test(
    arguments: [
      ("use", #""enc""#), ("use", #""""#), ("use", #""SIG""#), ("use", "1"), ("use", #"["sig"]"#),
      ("key_ops", #"["encrypt"]"#), ("key_ops", "[]"), ("key_ops", #"["sign"]"#),
      ("key_ops", #""verify""#), ("key_ops", #"["verify",1]"#), ("key_ops", #"["Verify"]"#),
      ("alg", #""ES256""#), ("alg", #""EdDSA""#), ("alg", #""rs256""#), ("alg", #""none""#),
      ("alg", #""HS256""#), ("alg", #""RSA-OAEP""#), ("alg", "1"), ("alg", #""""#),
      ("kty", #""oct""#), ("kty", #""EC""#), ("kty", #""rsa""#), ("kty", "1"), ("kty", "null"),
      ("d", #""AQAB""#), ("k", #""AQAB""#), ("kid", "1"), ("kid", #"["a"]"#),
      ("n", "null"), ("n", "1"), ("n", #""""#), ("n", #""A+/=""#),
      ("e", "null"), ("e", #""""#), ("e", "65537"), ("e", #""AQAB=""#),
    ])
  func `a key that must not verify signatures is refused`(member: String, value: String) throws {
    let jwk = try Keys.rsa.jwk([member: value])
    #expect {
      try verificationKey(jwk)
    } throws: { error in
      guard case JOSEError.unusableKey = error else { return false }
      return true
    }
  }

  @Test func `a symmetric key is refused`() {
    #expect(throws: JOSEError.unusableKey("private or symmetric key")) {
      try verificationKey(#"{"kty":"oct","alg":"HS256","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#)
    }
    #expect(throws: JOSEError.unusableKey("kty or crv")) { try verificationKey(#"{"kty":"oct"}"#) }
  }

  // MARK: - Key material

  @Test func `an RSA key must have 2048 to 8192 bits`() throws {
    let small = TestKey(rsaBits: 1024)
    #expect(throws: JOSEError.unusableKey("RSA modulus of 1024 bits")) {
      try PublicKey.rsa(modulus: small.number("n"), exponent: [1, 0, 1])
    }
    let good = TestKey(rsaBits: 2048).number("n")
    #expect(try PublicKey.rsa(modulus: good, exponent: [1, 0, 1]).type == .rsa)
    // Zeros in front make no key longer.
    #expect(throws: JOSEError.unusableKey("RSA modulus of 1024 bits")) {
      try PublicKey.rsa(
        modulus: [UInt8](repeating: 0, count: 128) + small.number("n"), exponent: [1, 0, 1])
    }
    #expect(throws: JOSEError.unusableKey("RSA modulus of 2047 bits")) {
      try PublicKey.rsa(modulus: [0x7F] + good.dropFirst(), exponent: [1, 0, 1])
    }
    #expect(throws: Never.self) {
      try PublicKey.rsa(modulus: [UInt8](repeating: 0xFF, count: 1024), exponent: [1, 0, 1])
    }
    #expect(throws: JOSEError.unusableKey("RSA modulus of 8200 bits")) {
      try PublicKey.rsa(modulus: [UInt8](repeating: 0xFF, count: 1025), exponent: [1, 0, 1])
    }
    #expect(throws: JOSEError.unusableKey("RSA modulus of 0 bits")) {
      try PublicKey.rsa(modulus: [0], exponent: [1, 0, 1])
    }
  }

  @Test(
    arguments: [
      [], [0], [1], [2], [4], [1, 0, 0], [0, 1], [0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 0, 1],
    ] as [[UInt8]])
  func `an RSA exponent that is one, even or overlong is refused`(exponent: [UInt8]) throws {
    let modulus = TestModulus.value
    #expect(throws: JOSEError.unusableKey("RSA exponent")) {
      try PublicKey.rsa(modulus: modulus, exponent: exponent)
    }
  }

  @Test(arguments: [[3], [1, 0, 1], [0, 1, 0, 1], [0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]])
  func `an odd RSA exponent from three on is accepted`(exponent: [UInt8]) throws {
    #expect(try PublicKey.rsa(modulus: TestModulus.value, exponent: exponent).type == .rsa)
  }

  @Test func `a point that is not on the curve is refused`() throws {
    let members = try Keys.p256.publicJWKMembers()
    let x = try #require(Base64URL.decode(members["x"]!))
    let y = try #require(Base64URL.decode(members["y"]!))
    #expect(try PublicKey.p256(x: x, y: y).type == .p256)
    let zero = [UInt8](repeating: 0, count: 32)
    let prime = [UInt8](hex: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
    for (badX, badY) in [
      (x, y.flippingBit(at: 31)), (x.flippingBit(at: 31), y), (y, x), (zero, zero), (zero, y),
      (prime, y), (x, prime), ([UInt8](repeating: 0xFF, count: 32), y),
    ] {
      #expect(throws: JOSEError.self) { try PublicKey.p256(x: badX, y: badY) }
    }
  }

  @Test func `a point that is not on P-384 is refused`() throws {
    let members = try Keys.p384.publicJWKMembers()
    let x = try #require(Base64URL.decode(members["x"]!))
    let y = try #require(Base64URL.decode(members["y"]!))
    #expect(try PublicKey.p384(x: x, y: y).type == .p384)
    let zero = [UInt8](repeating: 0, count: 48)
    let prime =
      [UInt8](repeating: 0xFF, count: 31) + [0xFE]
      + [UInt8](hex: "ffffffff0000000000000000ffffffff")
    for (badX, badY) in [
      (x, y.flippingBit(at: 47)), (x.flippingBit(at: 47), y), (y, x), (zero, zero), (zero, y),
      (prime, y), (x, prime), ([UInt8](repeating: 0xFF, count: 48), y),
    ] {
      #expect(throws: JOSEError.self) { try PublicKey.p384(x: badX, y: badY) }
    }
    for (badX, badY) in [([0] + x, y), (Array(x.dropLast()), y), (x, []), (x, [0] + y)] {
      #expect(throws: JOSEError.unusableKey("P-384 coordinate size")) {
        try PublicKey.p384(x: badX, y: badY)
      }
    }
  }

  @Test func `coordinates must have exactly 32 bytes`() throws {
    let members = try Keys.p256.publicJWKMembers()
    let x = try #require(Base64URL.decode(members["x"]!))
    let y = try #require(Base64URL.decode(members["y"]!))
    for (badX, badY) in [
      ([0] + x, y), (x, [0] + y), (Array(x.dropLast()), y), (x, Array(y.dropFirst())), ([], y),
      (x, []), (x + y, []),
    ] {
      #expect(throws: JOSEError.unusableKey("P-256 coordinate size")) {
        try PublicKey.p256(x: badX, y: badY)
      }
    }
  }

  @Test(arguments: ["P-521", "secp256k1", "p-256", "", "Ed25519"])
  func `no other curve is accepted`(curve: String) throws {
    #expect(throws: JOSEError.unusableKey("kty or crv")) {
      try verificationKey(Keys.p256.jwk(["crv": "\"\(curve)\""]))
    }
    #expect(try verificationKey(Keys.p256.jwk()).key.type == .p256)
  }

  @Test func `a key type is compared byte for byte`() throws {
    func jwk(_ type: String) -> String {
      #"{"kty":"\#(type)","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
    }
    #expect(try verificationKey(jwk("OKP")).key.type == .ed25519)
    // The sign for Kelvin is canonically equivalent to K.
    #expect(throws: JOSEError.unusableKey("kty or crv")) {
      try verificationKey(jwk("O\u{212A}P"))
    }
  }

  @Test func `a curve's name goes with its own coordinates`() throws {
    #expect(throws: JOSEError.unusableKey("P-384 coordinate size")) {
      try verificationKey(Keys.p256.jwk(["crv": #""P-384""#]))
    }
    #expect(throws: JOSEError.unusableKey("P-256 coordinate size")) {
      try verificationKey(Keys.p384.jwk(["crv": #""P-256""#]))
    }
    #expect(try verificationKey(Keys.p384.jwk()).key.type == .p384)
  }

  @Test(
    arguments: [
      ("crv", #""Ed448""#), ("crv", #""X25519""#), ("crv", #""ed25519""#), ("crv", "null"),
      ("kty", #""EC""#), ("kty", #""okp""#), ("x", "null"), ("x", #""AAAA""#), ("d", #""AAAA""#),
      ("alg", #""ES256""#), ("alg", #""Ed25519""#),
    ])
  func `an Ed25519 key must say what it is`(member: String, value: String) throws {
    #expect(try verificationKey(Keys.ed25519.jwk()).key.type == .ed25519)
    #expect(try verificationKey(Keys.ed25519.jwk(["alg": #""EdDSA""#])).algorithm == .edDSA)
    #expect {
      try verificationKey(Keys.ed25519.jwk([member: value]))
    } throws: { error in
      guard case JOSEError.unusableKey = error else { return false }
      return true
    }
  }

  @Test func `a point of another curve under the name P-256 is refused`() throws {
    let foreign = TestKey(curve: "secp256k1")
    func padded(_ bytes: [UInt8]) -> [UInt8] {
      Array(repeating: 0, count: 32 - bytes.count) + bytes
    }
    #expect(throws: JOSEError.self) {
      try PublicKey.p256(x: padded(foreign.number("qx")), y: padded(foreign.number("qy")))
    }
    let own = TestKey(curve: "P-256")
    #expect(throws: Never.self) {
      try PublicKey.p256(x: padded(own.number("qx")), y: padded(own.number("qy")))
    }
  }

  // MARK: - Sets

  @Test func `keys that cannot be used leave the others usable`() throws {
    let keys = try keySet(
      Keys.rsa.jwk(["use": #""enc""#]), Keys.rsa.jwk(["kid": #""good""#]), "1", "null", "[]", "{}",
      #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, Keys.otherRSA.jwk(["d": #""AQAB""#]),
      Keys.p256.jwk(["y": #""AAAA""#]))
    #expect(keys.keys.map(\.keyID) == ["good"])
    #expect(isVerified(try token(#"{"alg":"RS256","kid":"good"}"#), by: keys))
  }

  @Test(
    arguments: [
      "", "{}", "[]", "null", #"{"keys":null}"#, #"{"keys":{}}"#, #"{"keys":[],"keys":[]}"#,
      #"{"keys":[]}x"#, #"{"Keys":[]}"#,
    ])
  func `a text that is not a key set is refused`(text: String) {
    #expect(throws: JOSEError.self) { try JWKSet(parsing: Array(text.utf8)) }
  }

  @Test func `a set may have a hundred keys and no more`() throws {
    func set(_ count: Int) throws -> JWKSet {
      let jwks = Array(repeating: #"{"kty":"x"}"#, count: count).joined(separator: ",")
      return try JWKSet(parsing: Array("{\"keys\":[\(jwks)]}".utf8))
    }
    #expect(try set(100).keys.isEmpty)
    #expect(throws: JOSEError.unusableKey("too many keys")) { try set(101) }
  }

  // MARK: - Choosing a key

  @Test func `a token without key id needs exactly one key that fits`() throws {
    let anonymous = try token(#"{"alg":"RS256"}"#)
    #expect(isVerified(anonymous, by: try keySet(Keys.rsa.jwk())))
    #expect(isVerified(anonymous, by: try keySet(Keys.rsa.jwk(["kid": #""a""#]), Keys.p256.jwk())))
    #expect(!isVerified(anonymous, by: try keySet(Keys.rsa.jwk(), Keys.otherRSA.jwk())))
    #expect(!isVerified(anonymous, by: try keySet(Keys.rsa.jwk(), Keys.rsa.jwk())))
    #expect(!isVerified(anonymous, by: try keySet(Keys.p256.jwk())))
    #expect(!isVerified(anonymous, by: try keySet()))
  }

  @Test func `a key id chooses its key and no other`() throws {
    let keys = try keySet(
      Keys.rsa.jwk(["kid": #""a""#]), Keys.otherRSA.jwk(["kid": #""b""#]), Keys.p256.jwk())
    #expect(isVerified(try token(#"{"alg":"RS256","kid":"a"}"#), by: keys))
    #expect(isVerified(try token(#"{"alg":"RS256","kid":"b"}"#, key: Keys.otherRSA), by: keys))
    for kid in ["b", "c", "", "A", "a ", "a\\u0000", "../a"] {
      #expect(!isVerified(try token("{\"alg\":\"RS256\",\"kid\":\"\(kid)\"}"), by: keys))
    }
  }

  @Test func `a key id is compared byte for byte`() throws {
    let keys = try keySet(
      Keys.rsa.jwk(["kid": "\"\u{E9}\""]), Keys.otherRSA.jwk(["kid": "\"e\u{301}\""]))
    #expect(isVerified(try token("{\"alg\":\"RS256\",\"kid\":\"\u{E9}\"}"), by: keys))
    #expect(!isVerified(try token("{\"alg\":\"RS256\",\"kid\":\"e\u{301}\"}"), by: keys))
  }

  @Test func `a key without id is not chosen for a token that names one`() throws {
    let keys = try keySet(Keys.rsa.jwk())
    #expect(!isVerified(try token(#"{"alg":"RS256","kid":"a"}"#), by: keys))
    #expect(isVerified(try token(#"{"alg":"RS256"}"#), by: keys))
  }

  @Test func `a key id that two keys of the same type claim chooses neither`() throws {
    let named = ["kid": #""a""#]
    let good = try token(#"{"alg":"RS256","kid":"a"}"#)
    #expect(!isVerified(good, by: try keySet(Keys.rsa.jwk(named), Keys.otherRSA.jwk(named))))
    #expect(isVerified(good, by: try keySet(Keys.rsa.jwk(named), Keys.p256.jwk(named))))
  }

  @Test func `a key that is restricted to another algorithm does not fit`() throws {
    let keys = try keySet(Keys.rsa.jwk(["alg": #""RS256""#, "kid": #""a""#]))
    #expect(keys.key(id: "a", algorithm: .rs256) != nil)
    #expect(keys.key(id: "a", algorithm: .es256) == nil)
    #expect(keys.key(id: "a", algorithm: .ps256) == nil)
    #expect(keys.key(id: "a", algorithm: .rs512) == nil)
  }

  @Test func `a key without restriction fits every algorithm of its type and no other`() throws {
    for key in [Keys.rsa, Keys.p256, Keys.p384, Keys.ed25519] {
      let keys = try keySet(key.jwk())
      for algorithm in SignatureAlgorithm.allCases {
        #expect((keys.key(id: nil, algorithm: algorithm) != nil) == (algorithm.keyType == key.type))
      }
    }
  }

  @Test func `of two keys with one id the algorithm chooses the one that is meant for it`() throws {
    let keys = try keySet(
      Keys.rsa.jwk(["kid": #""a""#, "alg": #""RS256""#]),
      Keys.otherRSA.jwk(["kid": #""a""#, "alg": #""PS256""#]))
    let header = { (name: String) in "{\"alg\":\"\(name)\",\"kid\":\"a\"}" }
    #expect(isVerified(try token(header("RS256"), key: Keys.rsa, algorithm: .rs256), by: keys))
    #expect(isVerified(try token(header("PS256"), key: Keys.otherRSA, algorithm: .ps256), by: keys))
    #expect(!isVerified(try token(header("PS256"), key: Keys.rsa, algorithm: .ps256), by: keys))
  }
}

private enum TestModulus {
  static let value = TestKey(rsaBits: 2048).number("n")
}
