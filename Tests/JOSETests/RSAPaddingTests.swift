import COpenSSL
import JOSE
import TestSupport
import Testing

/// What goes with an RSA signature beside the key: padding, digest, salt (RFC 7518 sections 3.3 and 3.5).
struct RSAPaddingTests {
  private static let message = Array("the message".utf8)
  private static let key = TestKey(rsaBits: 2048)
  private static let publicKey = Result { try PrivateKey(pem: key.pem(.pkcs8)).publicKey() }

  private static var digests:
    [(pkcs1: SignatureAlgorithm, pss: SignatureAlgorithm, digest: OpaquePointer?, size: Int32)]
  {
    [
      (.rs256, .ps256, EVP_sha256(), 32), (.rs384, .ps384, EVP_sha384(), 48),
      (.rs512, .ps512, EVP_sha512(), 64),
    ]
  }

  @Test func `a PKCS#1 signature must have the algorithm's digest`() throws {
    let publicKey = try Self.publicKey.get()
    for (algorithm, _, own, _) in Self.digests {
      for digest in [EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()] {
        let signature = Self.key.opensslSignature(over: Self.message, digest: digest)
        let isValid = publicKey.isValid(
          signature: signature, over: Self.message, algorithm: algorithm)
        #expect(isValid == (digest == own))
      }
    }
  }

  @Test func `a PSS signature must have a salt as long as the digest`() throws {
    let publicKey = try Self.publicKey.get()
    for (_, algorithm, digest, size) in Self.digests {
      // The last is as long as fits the key.
      for salt in [size, 0, size - 1, size + 1, 20, 256 - size - 2] {
        let signature = Self.key.opensslSignature(
          over: Self.message, digest: digest, pssSaltSize: salt)
        let isValid = publicKey.isValid(
          signature: signature, over: Self.message, algorithm: algorithm)
        #expect(isValid == (salt == size), "\(algorithm), salt of \(salt) bytes")
      }
    }
  }

  @Test func `a PSS signature must use one digest for the message and for MGF1`() throws {
    let publicKey = try Self.publicKey.get()
    for (_, algorithm, digest, size) in Self.digests {
      for mgf1 in [EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()] {
        let signature = Self.key.opensslSignature(
          over: Self.message, digest: digest, pssSaltSize: size, mgf1: mgf1)
        let isValid = publicKey.isValid(
          signature: signature, over: Self.message, algorithm: algorithm)
        #expect(isValid == (mgf1 == digest), "\(algorithm)")
      }
    }
  }

  /// RFC 8017 section 8.1.2 step 1. One signature in 256 begins with a zero.
  @Test func `a PSS signature without its leading zero is refused`() throws {
    let publicKey = try Keys.rsa.publicKey()
    var signature: [UInt8] = []
    repeat {
      signature = try Keys.rsa.signature(over: Self.message, algorithm: .ps256)
    } while signature.first != 0
    #expect(publicKey.isValid(signature: signature, over: Self.message, algorithm: .ps256))
    signature.removeFirst()
    #expect(!publicKey.isValid(signature: signature, over: Self.message, algorithm: .ps256))
  }

  @Test(arguments: [SignatureAlgorithm.ps256, .ps384, .ps512])
  func `two PSS signatures over one message differ`(algorithm: SignatureAlgorithm) throws {
    let first = try Keys.rsa.signature(over: Self.message, algorithm: algorithm)
    #expect(try Keys.rsa.signature(over: Self.message, algorithm: algorithm) != first)
  }
}
