import JOSE
import StrictJSON
import TestSupport
import Testing

/// Whoever makes a token must not be able to choose how it is verified (RFC 8725 sections 2.1 and 3.1).
struct AlgorithmConfusionTests {
  private static let message = Array("the message".utf8)

  @Test(arguments: SignatureAlgorithm.allCases)
  func `a signature holds for its own algorithm only`(signer: SignatureAlgorithm) throws {
    let key = Keys.of(signer)
    let signature = try key.signature(over: Self.message, algorithm: signer)
    for claimed in SignatureAlgorithm.allCases {
      let verifying = try Keys.of(claimed).publicKey()
      for publicKey in [verifying, try key.publicKey()] {
        let isValid = publicKey.isValid(
          signature: signature, over: Self.message, algorithm: claimed)
        #expect(isValid == (claimed == signer), "claimed as \(claimed)")
      }
    }
  }

  /// The key set has every key, and its JWKs leave the algorithm open: only the signature can tell.
  @Test(arguments: SignatureAlgorithm.allCases)
  func `a token with another algorithm's name is refused`(signer: SignatureAlgorithm) throws {
    let keys = try keySet(Keys.rsa.jwk(), Keys.p256.jwk(), Keys.p384.jwk(), Keys.ed25519.jwk())
    for claimed in SignatureAlgorithm.allCases {
      let token = try token(
        "{\"alg\":\"\(claimed.rawValue)\"}", key: Keys.of(signer), algorithm: signer)
      #expect(isVerified(token, by: keys) == (claimed == signer), "claimed as \(claimed)")
    }
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `a JWK for one algorithm serves no other`(restriction: SignatureAlgorithm) throws {
    let key = Keys.of(restriction)
    let keys = try keySet(key.jwk(["alg": "\"\(restriction.rawValue)\""]))
    for algorithm in SignatureAlgorithm.allCases where algorithm.keyType == key.type {
      let token = try token(
        "{\"alg\":\"\(algorithm.rawValue)\"}", key: key, algorithm: algorithm)
      #expect(isVerified(token, by: keys) == (algorithm == restriction), "\(algorithm)")
    }
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `a JWK for an algorithm of another type of key is unusable`(
    restriction: SignatureAlgorithm
  ) throws {
    for key in [Keys.rsa, Keys.p256, Keys.p384, Keys.ed25519] {
      let keys = try keySet(key.jwk(["alg": "\"\(restriction.rawValue)\""]))
      #expect(keys.keys.count == (restriction.keyType == key.type ? 1 : 0))
    }
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `a private key signs with algorithms of its own type only`(
    algorithm: SignatureAlgorithm
  ) throws {
    for key in [Keys.rsa, Keys.p256, Keys.p384, Keys.ed25519] {
      guard algorithm.keyType != key.type else {
        #expect(throws: Never.self) { try key.signature(over: Self.message, algorithm: algorithm) }
        continue
      }
      #expect(throws: JOSEError.unusableKey("wrong type for \(algorithm)")) {
        try key.signature(over: Self.message, algorithm: algorithm)
      }
    }
  }

  @Test func `a public key is never an HMAC secret`() throws {
    let key = TestKey(rsaBits: 2048)
    let privateKey = try PrivateKey(pem: key.pem(.pkcs8))
    let keys = try keySet(privateKey.jwk(["kid": "\"k\""]))
    let secrets = [key.pem(.publicKey), key.number("n"), Array(try privateKey.jwk().utf8)]
    for secret in secrets {
      let input =
        Base64URL.encode(Array(#"{"alg":"HS256","kid":"k"}"#.utf8)) + "."
        + Base64URL.encode(Array(#"{"sub":"admin"}"#.utf8))
      let mac = TestKey.hmac(Array(input.utf8), secret: secret)
      #expect(!isVerified(input + "." + Base64URL.encode(mac), by: keys))
    }
    #expect(isVerified(try token(#"{"alg":"RS256","kid":"k"}"#, key: privateKey), by: keys))
  }

  @Test func `an unsigned token is refused, with and without a signature segment`() throws {
    let keys = try keySet(Keys.rsa.jwk())
    for name in ["none", "None", "NONE", "nOnE"] {
      let input = Base64URL.encode(Array("{\"alg\":\"\(name)\"}".utf8)) + ".e30"
      for signature in ["", ".", ".AQ"] { #expect(!isVerified(input + signature, by: keys)) }
    }
    #expect(isVerified(try token(#"{"alg":"RS256"}"#), by: keys))
  }
}
