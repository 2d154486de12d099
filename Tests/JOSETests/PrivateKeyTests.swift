import JOSE
import TestSupport
import Testing

struct PrivateKeyTests {
  private static let rsa = TestKey(rsaBits: 2048)
  private static let p256 = TestKey(curve: "P-256")

  @Test func `an RSA key is read from PKCS#1 and from PKCS#8`() throws {
    for form in [TestKey.Form.traditional, .pkcs8] {
      let pem = Self.rsa.pem(form)
      let key = try PrivateKey(pem: pem)
      #expect(key.type == .rsa)
      let message = Array("message".utf8)
      let signature = try key.signature(over: message, algorithm: .rs256)
      let publicKey = try PublicKey.rsa(modulus: Self.rsa.number("n"), exponent: [1, 0, 1])
      #expect(publicKey.isValid(signature: signature, over: message, algorithm: .rs256))
    }
    #expect(String(decoding: Self.rsa.pem(.traditional), as: UTF8.self).contains("BEGIN RSA"))
  }

  @Test func `a P-256 key is read from SEC1 and from PKCS#8`() throws {
    for form in [TestKey.Form.traditional, .pkcs8] {
      let key = try PrivateKey(pem: Self.p256.pem(form))
      #expect(key.type == .p256)
      let message = Array("message".utf8)
      let signature = try key.signature(over: message, algorithm: .es256)
      #expect(try key.publicKey().isValid(signature: signature, over: message, algorithm: .es256))
    }
    #expect(String(decoding: Self.p256.pem(.traditional), as: UTF8.self).contains("BEGIN EC"))
  }

  @Test func `a P-384 key is read from SEC1 and from PKCS#8, an Ed25519 key from PKCS#8`() throws {
    let p384 = TestKey(curve: "P-384")
    let keys = [
      (p384.pem(.traditional), SignatureAlgorithm.es384), (p384.pem(.pkcs8), .es384),
      (TestKey(named: "ED25519").pem(.pkcs8), .edDSA),
    ]
    for (pem, algorithm) in keys {
      let key = try PrivateKey(pem: pem)
      #expect(key.type == algorithm.keyType)
      let message = Array("message".utf8)
      let signature = try key.signature(over: message, algorithm: algorithm)
      #expect(
        try key.publicKey().isValid(signature: signature, over: message, algorithm: algorithm))
    }
  }

  @Test func `text around the key and Windows line ends do no harm`() throws {
    let pem = String(decoding: Self.rsa.pem(.pkcs8), as: UTF8.self)
    for text in ["# the key\n" + pem + "\ntrailing", pem.replacing("\n", with: "\r\n")] {
      #expect(try PrivateKey(pem: Array(text.utf8)).type == .rsa)
    }
  }

  /// The test would wait at a terminal if OpenSSL asked for the passphrase.
  @Test func `an encrypted key is refused without asking for its passphrase`() {
    for form in [TestKey.Form.encryptedPKCS8("secret"), .encryptedTraditional("secret")] {
      #expect(throws: JOSEError.unusableKey("not an unencrypted PEM private key")) {
        try PrivateKey(pem: Self.rsa.pem(form))
      }
    }
  }

  @Test func `what is no private key is refused`() {
    let pem = Self.rsa.pem(.pkcs8)
    var broken = pem
    broken.replaceSubrange(200..<204, with: Array("!!!!".utf8))
    let garbage: [[UInt8]] = [
      [], [0], Array("garbage".utf8), Array(pem.prefix(pem.count / 2)), broken,
      Self.rsa.pem(.publicKey), [UInt8](repeating: 0xFF, count: 10_000),
      Array("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n".utf8),
    ]
    for bytes in garbage {
      #expect(throws: JOSEError.unusableKey("not an unencrypted PEM private key")) {
        try PrivateKey(pem: bytes)
      }
    }
    #expect(throws: Never.self) { try PrivateKey(pem: pem) }
  }

  @Test func `a key of another kind is refused`() {
    let others = [
      TestKey(curve: "P-521"), TestKey(curve: "secp256k1"), TestKey(named: "ED448"),
      TestKey(named: "X25519"), TestKey(pssBits: 2048),
    ]
    for key in others {
      #expect(throws: JOSEError.unusableKey("neither RSA, P-256, P-384 nor Ed25519")) {
        try PrivateKey(pem: key.pem(.pkcs8))
      }
    }
  }

  @Test func `an RSA key that is too short to verify with is too short to sign with`() {
    #expect(throws: JOSEError.unusableKey("RSA modulus of 1024 bits")) {
      try PrivateKey(pem: TestKey(rsaBits: 1024).pem(.pkcs8))
    }
    #expect(throws: Never.self) { try PrivateKey(pem: Self.rsa.pem(.pkcs8)) }
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `the public members are a JWK of the same key`(algorithm: SignatureAlgorithm) throws {
    let key = Keys.of(algorithm)
    #expect(try key.publicJWKMembers()["d"] == nil)
    let message = Array("message".utf8)
    let signature = try key.signature(over: message, algorithm: algorithm)
    let read = try verificationKey(key.jwk()).key
    #expect(read.isValid(signature: signature, over: message, algorithm: algorithm))
  }

  @Test(arguments: [(KeyType.p256, 32), (.p384, 48)])
  func `a coordinate with leading zeros keeps its size`(type: KeyType, size: Int) throws {
    // One key in 128 has such a coordinate.
    for _ in 0..<600 {
      let members = try PrivateKey(generating: type).publicJWKMembers()
      for name in ["x", "y"] { #expect(Base64URL.decode(members[name]!)?.count == size) }
    }
  }

  @Test(
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
  func `a digest is SHA-256 in lower-case hex`(text: String, digest: String) throws {
    #expect(try Digest.sha256Hex(Array(text.utf8)) == digest)
  }
}
