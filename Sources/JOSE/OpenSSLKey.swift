import COpenSSL
import Glibc

/// Owns an `EVP_PKEY`, and frees it with its last reference. The key is not changed after it was made, and OpenSSL
/// allows any number of threads to use such a key at once.
final class OpenSSLKey: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Takes ownership of `pointer`.
  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    EVP_PKEY_free(pointer)
  }

  /// A key with a public half only. What `parameters` pushes must stay alive until this returns.
  convenience init(
    public algorithm: String, parameters: (OpaquePointer) -> Bool
  ) throws(JOSEError) {
    guard let builder = OSSL_PARAM_BLD_new() else { throw .cryptography("out of memory") }
    defer { OSSL_PARAM_BLD_free(builder) }
    guard parameters(builder), let list = OSSL_PARAM_BLD_to_param(builder) else {
      throw .cryptography("key parameters")
    }
    defer { OSSL_PARAM_free(list) }
    guard let context = EVP_PKEY_CTX_new_from_name(nil, algorithm, nil) else {
      throw .cryptography("key parameters")
    }
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_fromdata_init(context) == 1,
      EVP_PKEY_fromdata(context, &key, shim_evp_pkey_public_key, list) == 1, let key
    else { throw .unusableKey("\(algorithm) key refused by OpenSSL") }
    self.init(owning: key)
  }

  // MARK: - Kind

  /// nil for a kind that we do not use. RSA keys that are for PSS only are another kind to OpenSSL, and RFC 7518 knows
  /// none.
  var type: KeyType? {
    if EVP_PKEY_is_a(pointer, "RSA") == 1 { return .rsa }
    if EVP_PKEY_is_a(pointer, "ED25519") == 1 { return .ed25519 }
    guard EVP_PKEY_is_a(pointer, "EC") == 1 else { return nil }
    return curve?.keyType
  }

  /// By the curve's name: others, such as secp256k1, have 256 bits too.
  private var curve: NISTCurve? {
    var name = [CChar](repeating: 0, count: 64)
    guard EVP_PKEY_get_group_name(pointer, &name, name.count, nil) == 1 else { return nil }
    return NISTCurve.allCases.first { strcmp($0.groupName, name) == 0 }
  }

  /// Whether the public half passes OpenSSL's full check, for a curve: on it, not at infinity, of its order.
  var hasValidPublicHalf: Bool {
    guard let context = EVP_PKEY_CTX_new(pointer, nil) else { return false }
    defer { EVP_PKEY_CTX_free(context) }
    return EVP_PKEY_public_check(context) == 1
  }

  // MARK: - Public half

  /// A number of the public half, big-endian: in `size` bytes, or in as few as it needs.
  func number(_ name: String, size: Int? = nil) throws(JOSEError) -> [UInt8] {
    var number: OpaquePointer?
    guard EVP_PKEY_get_bn_param(pointer, name, &number) == 1, let number else {
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

  /// The public half of an Ed25519 key as RFC 8032 section 5.1.5 encodes it.
  func rawPublicKey() throws(JOSEError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: PublicKey.ed25519Size)
    var size = bytes.count
    guard EVP_PKEY_get_raw_public_key(pointer, &bytes, &size) == 1, size == bytes.count else {
      throw .cryptography("raw public key")
    }
    return bytes
  }
}
