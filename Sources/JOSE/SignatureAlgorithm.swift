/// The signature algorithms that we implement (RFC 7518 section 3.1). `none` and HMAC are not among them, so that
/// no configuration can allow them.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
  /// RSASSA-PKCS1-v1_5 with SHA-256.
  case rs256 = "RS256"
  /// ECDSA on P-256 with SHA-256; the signature is R and S, 32 bytes each.
  case es256 = "ES256"

  /// The key type that the algorithm goes with: a key of another is never tried.
  var keyType: KeyType {
    switch self {
    case .rs256: .rsa
    case .es256: .p256
    }
  }
}

/// The kinds of key that we can use.
public enum KeyType: Sendable, Equatable {
  /// 2048 to 8192 bits.
  case rsa
  /// NIST P-256 (`prime256v1`).
  case p256
}
