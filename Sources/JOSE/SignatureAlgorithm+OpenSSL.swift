import COpenSSL

/// What OpenSSL must be told of an algorithm before it signs or verifies.
extension SignatureAlgorithm {
  /// nil for EdDSA, which takes the message itself (RFC 8032 section 5.1.6).
  var digest: OpaquePointer? {
    switch self {
    case .rs256, .ps256, .es256: EVP_sha256()
    case .rs384, .ps384, .es384: EVP_sha384()
    case .rs512, .ps512: EVP_sha512()
    case .edDSA: nil
    }
  }

  /// Sets RSA's padding on a key context that has been initialized to sign or to verify. The salt of PSS is as long as
  /// the digest and MGF1 uses the same digest (RFC 7518 section 3.5); verification takes no other length either.
  func setPadding(of context: OpaquePointer?) -> Bool {
    switch self {
    case .rs256, .rs384, .rs512:
      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
    case .ps256, .ps384, .ps512:
      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
        && EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1
        && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
    case .es256, .es384, .edDSA:
      true
    }
  }
}
