import COpenSSL

extension PublicKey {
  /// Whether `signature` over `message` was made with this key's private half and this algorithm. Never for an
  /// algorithm of another key type.
  public func isValid(
    signature: [UInt8], over message: [UInt8], algorithm: SignatureAlgorithm
  ) -> Bool {
    guard algorithm.keyType == type, signature.count == signatureSize else { return false }
    defer { ERR_clear_error() }
    let encoded: [UInt8]
    if let curve = type.curve {
      guard let der = ECDSASignature.der(fromRaw: signature, on: curve) else { return false }
      encoded = der
    } else {
      encoded = signature
    }
    guard let context = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(context) }
    // Belongs to `context`.
    var keyContext: OpaquePointer?
    guard EVP_DigestVerifyInit(context, &keyContext, algorithm.digest, nil, key.pointer) == 1,
      algorithm.setPadding(of: keyContext)
    else { return false }
    return EVP_DigestVerify(context, encoded, encoded.count, message, message.count) == 1
  }

  /// The only size in bytes that a JOSE signature of this key has (RFC 8017 sections 8.1.2 and 8.2.2, RFC 7518 section
  /// 3.4, RFC 8032 section 5.1.6). OpenSSL alone would take a PSS signature without its leading zeros.
  private var signatureSize: Int {
    switch type {
    case .rsa: Int(EVP_PKEY_get_size(key.pointer))
    case .p256: 2 * NISTCurve.p256.coordinateSize
    case .p384: 2 * NISTCurve.p384.coordinateSize
    case .ed25519: 64
    }
  }
}
