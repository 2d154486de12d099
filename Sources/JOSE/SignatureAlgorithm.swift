import StrictJSON

/// The signature algorithms that we implement (RFC 7518 section 3.1, RFC 8037 section 3.1). `none` and HMAC are not
/// among them, so that no configuration can allow them.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
  /// RSASSA-PKCS1-v1_5 with SHA-256.
  case rs256 = "RS256"
  /// RSASSA-PKCS1-v1_5 with SHA-384.
  case rs384 = "RS384"
  /// RSASSA-PKCS1-v1_5 with SHA-512.
  case rs512 = "RS512"
  /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
  case ps256 = "PS256"
  /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
  case ps384 = "PS384"
  /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes.
  case ps512 = "PS512"
  /// ECDSA on P-256 with SHA-256; the signature is R and S, 32 bytes each.
  case es256 = "ES256"
  /// ECDSA on P-384 with SHA-384; the signature is R and S, 48 bytes each.
  case es384 = "ES384"
  /// Ed25519; the signature has 64 bytes. The name allows Ed448 too, which we do not have.
  case edDSA = "EdDSA"

  /// The key type that the algorithm goes with: a key of another is never tried.
  public var keyType: KeyType {
    switch self {
    case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
    case .es256: .p256
    case .es384: .p384
    case .edDSA: .ed25519
    }
  }

  /// The algorithm of exactly this name, byte for byte.
  init?(name: String) {
    self.init(rawValue: name)
    guard rawValue.hasSameUTF8(as: name) else { return nil }
  }
}
