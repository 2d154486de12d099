import COpenSSL

/// A key to verify signatures with. Made only from material that passed its checks, immutable afterwards, and so
/// safe to use from any thread.
public final class PublicKey: @unchecked Sendable {
  public let type: KeyType
  let key: OpaquePointer

  /// Takes ownership of `key`.
  init(type: KeyType, owning key: OpaquePointer) {
    self.type = type
    self.key = key
  }

  deinit {
    EVP_PKEY_free(key)
  }

  /// An RSA key from its big-endian modulus and exponent (RFC 7518 section 6.3.1): 2048 to 8192 bits, odd exponent of
  /// at least 3.
  public static func rsa(modulus: [UInt8], exponent: [UInt8]) throws(JOSEError) -> PublicKey {
    guard let last = exponent.last, last & 1 == 1, exponent.count <= 8 else {
      throw .unusableKey("RSA exponent")
    }
    let n = BN_bin2bn(modulus, Int32(modulus.count), nil)
    let e = BN_bin2bn(exponent, Int32(exponent.count), nil)
    defer {
      BN_free(n)
      BN_free(e)
    }
    let bits = BN_num_bits(n)
    guard (2048...8192).contains(bits) else { throw .unusableKey("RSA modulus of \(bits) bits") }
    guard BN_num_bits(e) >= 2 else { throw .unusableKey("RSA exponent") }
    let key = try publicKey(algorithm: "RSA") { shim_push_rsa_public_key($0, n, e) == 1 }
    return PublicKey(type: .rsa, owning: key)
  }

  /// A P-256 key from its coordinates, exactly 32 bytes each (RFC 7518 section 6.2.1). The point is checked to be on
  /// the curve.
  public static func p256(x: [UInt8], y: [UInt8]) throws(JOSEError) -> PublicKey {
    guard x.count == 32, y.count == 32 else { throw .unusableKey("P-256 coordinate size") }
    let point = [0x04] + x + y
    let key = try point.withUnsafeBufferPointer { point throws(JOSEError) in
      try publicKey(algorithm: "EC") {
        shim_push_p256_public_key($0, point.baseAddress, point.count) == 1
      }
    }
    let result = PublicKey(type: .p256, owning: key)
    let context = EVP_PKEY_CTX_new(key, nil)
    defer { EVP_PKEY_CTX_free(context) }
    guard EVP_PKEY_public_check(context) == 1 else {
      ERR_clear_error()
      throw .unusableKey("point not on P-256")
    }
    return result
  }

  /// Whether `signature` over `message` was made with this key's private half.
  public func isValid(
    signature: [UInt8], over message: [UInt8], algorithm: SignatureAlgorithm
  ) -> Bool {
    guard algorithm.keyType == type else { return false }
    let encoded: [UInt8]
    switch algorithm {
    case .rs256:
      encoded = signature
    case .es256:
      guard let der = ECDSASignature.der(fromRaw: signature) else { return false }
      encoded = der
    }
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    guard EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1 else { return false }
    return EVP_DigestVerify(context, encoded, encoded.count, message, message.count) == 1
  }
}

/// Builds an `EVP_PKEY` with a public half only. What `parameters` pushes must stay alive until this returns.
private func publicKey(
  algorithm: String, parameters: (OpaquePointer) -> Bool
) throws(JOSEError) -> OpaquePointer {
  defer { ERR_clear_error() }
  guard let builder = OSSL_PARAM_BLD_new() else { throw .cryptography("out of memory") }
  defer { OSSL_PARAM_BLD_free(builder) }
  guard parameters(builder), let list = OSSL_PARAM_BLD_to_param(builder) else {
    throw .cryptography("key parameters")
  }
  defer { OSSL_PARAM_free(list) }
  let context = EVP_PKEY_CTX_new_from_name(nil, algorithm, nil)
  defer { EVP_PKEY_CTX_free(context) }
  var key: OpaquePointer?
  guard EVP_PKEY_fromdata_init(context) == 1,
    EVP_PKEY_fromdata(context, &key, shim_evp_pkey_public_key, list) == 1, let key
  else { throw .unusableKey("\(algorithm) key refused by OpenSSL") }
  return key
}
