import COpenSSL

/// HMAC-SHA-256 (RFC 2104). Keeps its key to itself: it can be neither read nor printed. Safe to use from any thread.
///
/// Under a random key, which nobody knows and which ends with this value, a hash may stand for a secret as the key of a
/// table: two messages have the same hash only if they are the same, and nobody outside can aim at one. It is of no use to
/// another process.
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

  /// With a key that somebody else knows too.
  public init(key: [UInt8]) throws(JOSEError) {
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

  /// Whether `hash` is that of `bytes`. How long the comparison takes tells nothing about where they differ.
  public func isValid(_ hash: [UInt8], of bytes: [UInt8]) throws(JOSEError) -> Bool {
    let expected = try self.hash(of: bytes)
    return hash.count == expected.count && CRYPTO_memcmp(hash, expected, expected.count) == 0
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
