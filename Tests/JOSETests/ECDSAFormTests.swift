import COpenSSL
import JOSE
import TestSupport
import Testing

/// A JOSE signature is R and S side by side and in no other form (RFC 7518 section 3.4).
struct ECDSAFormTests {
  struct Curve: CustomTestStringConvertible, Sendable {
    let algorithm: SignatureAlgorithm
    let name: String
    let coordinateSize: Int
    /// SP 800-186 sections 3.2.1.3 and 3.2.1.4.
    let order: [UInt8]

    var testDescription: String { name }
    var key: PrivateKey { Keys.of(algorithm) }
  }

  static let curves = [
    Curve(
      algorithm: .es256, name: "P-256", coordinateSize: 32,
      order: [UInt8](hex: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")),
    Curve(
      algorithm: .es384, name: "P-384", coordinateSize: 48,
      order: [UInt8](repeating: 0xFF, count: 24)
        + [UInt8](hex: "c7634d81f4372ddf581a0db248b0a77aecec196accc52973")),
  ]

  private static let message = Array("the message".utf8)

  @Test(arguments: curves)
  func `a signature has the size of two coordinates`(curve: Curve) throws {
    let publicKey = try curve.key.publicKey()
    // Enough of them that some have an R or S with leading zeros.
    for _ in 0..<600 {
      let raw = try curve.key.signature(over: Self.message, algorithm: curve.algorithm)
      #expect(raw.count == 2 * curve.coordinateSize)
      #expect(publicKey.isValid(signature: raw, over: Self.message, algorithm: curve.algorithm))
    }
  }

  @Test(arguments: curves)
  func `a signature of another length is refused`(curve: Curve) throws {
    let publicKey = try curve.key.publicKey()
    let good = try curve.key.signature(over: Self.message, algorithm: curve.algorithm)
    #expect(publicKey.isValid(signature: good, over: Self.message, algorithm: curve.algorithm))
    for length in [0, 1, 32, 48, 63, 64, 65, 95, 96, 97, 128, 192] where length != good.count {
      let zeros = [UInt8](repeating: 0, count: max(0, length - good.count))
      let atEnd: [UInt8] = good.prefix(length) + zeros
      let atStart: [UInt8] = zeros + good.suffix(length)
      for changed in [atEnd, atStart] {
        #expect(
          !publicKey.isValid(
            signature: changed, over: Self.message, algorithm: curve.algorithm))
      }
    }
  }

  @Test(arguments: curves)
  func `a DER signature is refused where its raw twin is accepted`(curve: Curve) throws {
    let key = TestKey(curve: curve.name)
    let publicKey = try PrivateKey(pem: key.pem(.pkcs8)).publicKey()
    let digest = curve.algorithm == .es256 ? EVP_sha256() : EVP_sha384()
    let der = key.opensslSignature(over: Self.message, digest: digest)
    #expect(!publicKey.isValid(signature: der, over: Self.message, algorithm: curve.algorithm))
    let raw = try #require(rawSignature(der, coordinateSize: curve.coordinateSize))
    #expect(publicKey.isValid(signature: raw, over: Self.message, algorithm: curve.algorithm))
  }

  @Test(arguments: curves)
  func `a signature over another digest is refused`(curve: Curve) throws {
    let key = TestKey(curve: curve.name)
    let publicKey = try PrivateKey(pem: key.pem(.pkcs8)).publicKey()
    for digest in [EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()] {
      let der = key.opensslSignature(over: Self.message, digest: digest)
      let raw = try #require(rawSignature(der, coordinateSize: curve.coordinateSize))
      let isOwn = digest == (curve.algorithm == .es256 ? EVP_sha256() : EVP_sha384())
      #expect(
        publicKey.isValid(signature: raw, over: Self.message, algorithm: curve.algorithm) == isOwn)
    }
  }

  @Test(arguments: curves)
  func `R or S of zero, of the order or above is refused`(curve: Curve) throws {
    let size = curve.coordinateSize
    #expect(curve.order.count == size)
    let publicKey = try curve.key.publicKey()
    let good = try curve.key.signature(over: Self.message, algorithm: curve.algorithm)
    let (r, s) = (Array(good.prefix(size)), Array(good.suffix(size)))
    #expect(publicKey.isValid(signature: r + s, over: Self.message, algorithm: curve.algorithm))
    let zero = [UInt8](repeating: 0, count: size)
    let ones = [UInt8](repeating: 0xFF, count: size)
    for bad in [zero, curve.order, ones] {
      for signature in [bad + s, r + bad, bad + bad] {
        #expect(
          !publicKey.isValid(signature: signature, over: Self.message, algorithm: curve.algorithm))
      }
    }
  }

  private func rawSignature(_ der: [UInt8], coordinateSize: Int) -> [UInt8]? {
    var rest = der[...]
    func integer() -> [UInt8]? {
      guard rest.popFirst() == 0x02, let length = rest.popFirst() else { return nil }
      let value = Array(rest.prefix(Int(length)).drop { $0 == 0 })
      rest = rest.dropFirst(Int(length))
      return Array(repeating: 0, count: coordinateSize - value.count) + value
    }
    guard rest.popFirst() == 0x30, rest.popFirst() != nil, let r = integer(), let s = integer()
    else { return nil }
    return r + s
  }
}
