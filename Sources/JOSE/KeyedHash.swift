import COpenSSL

/// HMAC-SHA-256 (RFC 2104) under a random key that nobody knows and that ends with this value. Two messages have the
/// same hash only if they are the same, and nobody outside can aim at a hash, so that it may stand for a secret as the
/// key of a table. It is of no use to another process. Safe to use from any thread.
public final class KeyedHash: @unchecked Sendable {
  private static let keySize = 32
  private static let hashSize = 32

  /// Has taken in the key and nothing else. Only ever copied, which OpenSSL allows to many threads at once; the copy
  /// spares each hash the search for the algorithm and the setup of the key.
  private let template: OpaquePointer

  /// Makes a new random key.
  public convenience init() throws(JOSEError) {
    var key = [UInt8](repeating: 0, count: Self.keySize)
    defer {
      OPENSSL_cleanse(&key, key.count)
      ERR_clear_error()
    }
    guard RAND_bytes(&key, Int32(key.count)) == 1 else { throw .cryptography("random bytes") }
    try self.init(key: key)
  }

  /// For known answers.
  init(key: [UInt8]) throws(JOSEError) {
    defer { ERR_clear_error() }
    guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { throw .cryptography("HMAC") }
    // The context holds its own reference.
    defer { EVP_MAC_free(mac) }
    guard let context = EVP_MAC_CTX_new(mac) else { throw .cryptography("HMAC") }
    guard shim_hmac_sha256_init(context, key, key.count) == 1 else {
      EVP_MAC_CTX_free(context)
      throw .cryptography("HMAC")
    }
    template = context
  }

  deinit {
    // Wipes the key.
    EVP_MAC_CTX_free(template)
  }

  /// 32 bytes.
  public func hash(of bytes: [UInt8]) throws(JOSEError) -> [UInt8] {
    defer { ERR_clear_error() }
    guard let context = EVP_MAC_CTX_dup(template) else { throw .cryptography("HMAC") }
    defer { EVP_MAC_CTX_free(context) }
    var hash = [UInt8](repeating: 0, count: Self.hashSize)
    var size = 0
    guard EVP_MAC_update(context, bytes, bytes.count) == 1,
      EVP_MAC_final(context, &hash, &size, hash.count) == 1, size == hash.count
    else { throw .cryptography("HMAC") }
    return hash
  }
}
