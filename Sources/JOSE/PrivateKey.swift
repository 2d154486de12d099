import COpenSSL
import Glibc

/// A key to sign with: the GitHub App's, or, in tests and in the simulator, an identity provider's.
/// Immutable, and safe to use from any thread. Never printed: it has no description.
public final class PrivateKey: @unchecked Sendable {
  public let type: KeyType
  private let key: OpaquePointer

  private init(owning key: OpaquePointer) throws(JOSEError) {
    self.key = key
    if EVP_PKEY_is_a(key, "RSA") == 1, EVP_PKEY_get_bits(key) >= 2048 {
      type = .rsa
    } else if EVP_PKEY_is_a(key, "EC") == 1, Self.isOnP256(key) {
      type = .p256
    } else {
      EVP_PKEY_free(key)
      throw .unusableKey("neither RSA of at least 2048 bits nor P-256")
    }
  }

  deinit {
    EVP_PKEY_free(key)
  }

  /// By the curve's name: others, such as secp256k1, have 256 bits too.
  private static func isOnP256(_ key: OpaquePointer) -> Bool {
    var name = [CChar](repeating: 0, count: 64)
    return EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1
      && strcmp(name, "prime256v1") == 0
  }

  /// Reads a private key in PEM, PKCS#1 or PKCS#8, without a passphrase.
  public convenience init(pem: [UInt8]) throws(JOSEError) {
    defer { ERR_clear_error() }
    // An empty passphrase: without one OpenSSL would ask at the terminal.
    var passphrase: [CChar] = [0]
    let key = pem.withUnsafeBytes { pem -> OpaquePointer? in
      guard let source = BIO_new_mem_buf(pem.baseAddress, Int32(pem.count)) else { return nil }
      defer { BIO_free(source) }
      return PEM_read_bio_PrivateKey(source, nil, nil, &passphrase)
    }
    guard let key else { throw .unusableKey("not an unencrypted PEM private key") }
    try self.init(owning: key)
  }

  /// Makes a new key: RSA of 2048 bits, or P-256.
  public convenience init(generating type: KeyType) throws(JOSEError) {
    defer { ERR_clear_error() }
    let context = EVP_PKEY_CTX_new_from_name(nil, type == .rsa ? "RSA" : "EC", nil)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1,
      type == .rsa
        ? EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1
        : EVP_PKEY_CTX_set_group_name(context, "prime256v1") == 1,
      EVP_PKEY_generate(context, &key) == 1, let key
    else { throw .cryptography("key generation") }
    try self.init(owning: key)
  }

  /// Signs `message` in the form that JWS wants (RFC 7518 sections 3.3 and 3.4).
  public func signature(
    over message: [UInt8], algorithm: SignatureAlgorithm
  ) throws(JOSEError) -> [UInt8] {
    guard algorithm.keyType == type else { throw .unusableKey("wrong type for \(algorithm)") }
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    var size = 0
    guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
      EVP_DigestSign(context, nil, &size, message, message.count) == 1
    else { throw .cryptography("signing") }
    var signature = [UInt8](repeating: 0, count: size)
    guard EVP_DigestSign(context, &signature, &size, message, message.count) == 1 else {
      throw .cryptography("signing")
    }
    signature.removeLast(signature.count - size)
    guard algorithm == .es256 else { return signature }
    guard let raw = ECDSASignature.raw(fromDER: signature) else { throw .cryptography("signing") }
    return raw
  }

  /// The public half.
  public func publicKey() throws(JOSEError) -> PublicKey {
    switch type {
    case .rsa:
      try PublicKey.rsa(
        modulus: number(OSSL_PKEY_PARAM_RSA_N), exponent: number(OSSL_PKEY_PARAM_RSA_E))
    case .p256:
      try PublicKey.p256(
        x: number(OSSL_PKEY_PARAM_EC_PUB_X, size: 32), y: number(OSSL_PKEY_PARAM_EC_PUB_Y, size: 32)
      )
    }
  }

  /// The members that describe the public half in a JWK (RFC 7518 section 6).
  public func publicJWKMembers() throws(JOSEError) -> [String: String] {
    switch type {
    case .rsa:
      [
        "kty": "RSA",
        "n": Base64URL.encode(try number(OSSL_PKEY_PARAM_RSA_N)),
        "e": Base64URL.encode(try number(OSSL_PKEY_PARAM_RSA_E)),
      ]
    case .p256:
      [
        "kty": "EC", "crv": "P-256",
        "x": Base64URL.encode(try number(OSSL_PKEY_PARAM_EC_PUB_X, size: 32)),
        "y": Base64URL.encode(try number(OSSL_PKEY_PARAM_EC_PUB_Y, size: 32)),
      ]
    }
  }

  private func number(_ name: String, size: Int? = nil) throws(JOSEError) -> [UInt8] {
    var number: OpaquePointer?
    guard EVP_PKEY_get_bn_param(key, name, &number) == 1, let number else {
      throw .cryptography("key parameter \(name)")
    }
    defer { BN_free(number) }
    let size = size ?? Int(BN_num_bits(number) + 7) / 8
    var bytes = [UInt8](repeating: 0, count: size)
    guard BN_bn2binpad(number, &bytes, Int32(size)) > 0 else {
      throw .cryptography("key parameter \(name)")
    }
    return bytes
  }
}

extension PrivateKey {
  /// A signed token in JWS compact serialization. `header` and `payload` are JSON texts; the header's `alg` must be
  /// `algorithm`.
  public func compactJWS(
    header: [UInt8], payload: [UInt8], algorithm: SignatureAlgorithm
  ) throws(JOSEError) -> String {
    let signingInput = Base64URL.encode(header) + "." + Base64URL.encode(payload)
    let signature = try signature(over: Array(signingInput.utf8), algorithm: algorithm)
    return signingInput + "." + Base64URL.encode(signature)
  }
}
