import COpenSSL

/// A key to sign with: the GitHub App's, or, in tests and in the simulator, an identity provider's.
/// Immutable, and safe to use from any thread. Never printed: it has no description.
public final class PrivateKey: Sendable {
  /// Which algorithms it can sign with: those of this `SignatureAlgorithm.keyType`.
  public let type: KeyType
  let key: OpenSSLKey

  /// Holds the key to the rules for public ones: we do not sign with what we would not verify with.
  private init(_ key: OpenSSLKey) throws(JOSEError) {
    guard let type = key.type else { throw .unusableKey("neither RSA, P-256, P-384 nor Ed25519") }
    self.type = type
    self.key = key
    _ = try publicKey()
  }

  /// Reads a private key in PEM, in PKCS#8 or in the older forms of PKCS#1 and SEC 1, without a passphrase. Throws
  /// `unusableKey` for anything else, and for a key whose public half `PublicKey` would refuse.
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
    try self.init(OpenSSLKey(owning: key))
  }

  /// Makes a new key; RSA gets 2048 bits.
  public convenience init(generating type: KeyType) throws(JOSEError) {
    defer { ERR_clear_error() }
    let algorithm =
      switch type {
      case .rsa: "RSA"
      case .p256, .p384: "EC"
      case .ed25519: "ED25519"
      }
    guard let context = EVP_PKEY_CTX_new_from_name(nil, algorithm, nil) else {
      throw .cryptography("key generation")
    }
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1,
      type != .rsa || EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1,
      type.curve.map({ EVP_PKEY_CTX_set_group_name(context, $0.groupName) == 1 }) ?? true,
      EVP_PKEY_generate(context, &key) == 1, let key
    else { throw .cryptography("key generation") }
    try self.init(OpenSSLKey(owning: key))
  }
}
