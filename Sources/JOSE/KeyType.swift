/// The kinds of key that we can use.
public enum KeyType: Sendable, Equatable, CaseIterable {
  /// 2048 to 8192 bits.
  case rsa
  /// NIST P-256 (`prime256v1`).
  case p256
  /// NIST P-384 (`secp384r1`).
  case p384
  /// Ed25519 (RFC 8032 section 5.1).
  case ed25519
}
