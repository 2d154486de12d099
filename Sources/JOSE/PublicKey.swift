import COpenSSL

/// A key to verify signatures with. Made only from material that passed its checks (RFC 8725 section 3.4), immutable
/// afterwards, and so safe to use from any thread.
public final class PublicKey: Sendable {
  /// Bytes of an Ed25519 key.
  static let ed25519Size = 32

  /// Which algorithms it can verify: those of this `SignatureAlgorithm.keyType`.
  public let type: KeyType
  let key: OpenSSLKey

  private init(type: KeyType, key: OpenSSLKey) {
    self.type = type
    self.key = key
  }

  /// An RSA key from its big-endian modulus and exponent (RFC 7518 section 6.3.1): 2048 to 8192 bits, odd exponent of
  /// at least 3, and not of the generator whose keys can be broken (`ROCAFingerprint`).
  public static func rsa(modulus: [UInt8], exponent: [UInt8]) throws(JOSEError) -> PublicKey {
    defer { ERR_clear_error() }
    guard let last = exponent.last, last & 1 == 1, exponent.count <= 8 else {
      throw .unusableKey("RSA exponent")
    }
    let n = BN_bin2bn(modulus, Int32(modulus.count), nil)
    let e = BN_bin2bn(exponent, Int32(exponent.count), nil)
    defer {
      BN_free(n)
      BN_free(e)
    }
    guard let n, let e else { throw .cryptography("out of memory") }
    let bits = BN_num_bits(n)
    guard (2048...8192).contains(bits) else { throw .unusableKey("RSA modulus of \(bits) bits") }
    guard BN_num_bits(e) >= 2 else { throw .unusableKey("RSA exponent") }
    guard !ROCAFingerprint.matches(modulus: modulus) else {
      throw .unusableKey("RSA key of a faulty generator (CVE-2017-15361)")
    }
    let key = try OpenSSLKey(public: "RSA") { shim_push_rsa_public_key($0, n, e) == 1 }
    return PublicKey(type: .rsa, key: key)
  }

  /// A P-256 key from its coordinates, exactly 32 bytes each (RFC 7518 section 6.2.1). The point is checked to be on
  /// the curve.
  public static func p256(x: [UInt8], y: [UInt8]) throws(JOSEError) -> PublicKey {
    try ecdsa(.p256, x: x, y: y)
  }

  /// A P-384 key from its coordinates, exactly 48 bytes each (RFC 7518 section 6.2.1). The point is checked to be on
  /// the curve.
  public static func p384(x: [UInt8], y: [UInt8]) throws(JOSEError) -> PublicKey {
    try ecdsa(.p384, x: x, y: y)
  }

  static func ecdsa(
    _ curve: NISTCurve, x: [UInt8], y: [UInt8]
  ) throws(JOSEError) -> PublicKey {
    defer { ERR_clear_error() }
    guard x.count == curve.coordinateSize, y.count == curve.coordinateSize else {
      throw .unusableKey("\(curve.jwkName) coordinate size")
    }
    // The uncompressed form of SEC 1 section 2.3.3.
    let point = [0x04] + x + y
    let key = try point.withUnsafeBufferPointer { point throws(JOSEError) in
      try OpenSSLKey(public: "EC") {
        shim_push_ec_public_key($0, curve.groupName, point.baseAddress, point.count) == 1
      }
    }
    guard key.hasValidPublicHalf else { throw .unusableKey("point not on \(curve.jwkName)") }
    return PublicKey(type: curve.keyType, key: key)
  }

  /// An Ed25519 key from its encoding of exactly 32 bytes (RFC 8037 section 2, RFC 8032 section 5.1.5). A point of
  /// small order is refused; one that is not on the curve is found when a signature is verified, which then fails.
  public static func ed25519(_ bytes: [UInt8]) throws(JOSEError) -> PublicKey {
    defer { ERR_clear_error() }
    guard bytes.count == ed25519Size else { throw .unusableKey("Ed25519 key size") }
    guard !Ed25519SmallOrder.contains(bytes) else { throw .unusableKey("Ed25519 small order") }
    guard
      let key = EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, bytes, bytes.count)
    else { throw .unusableKey("Ed25519 key refused by OpenSSL") }
    return PublicKey(type: .ed25519, key: OpenSSLKey(owning: key))
  }
}
