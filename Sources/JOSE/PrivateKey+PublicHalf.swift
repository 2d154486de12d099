import COpenSSL

extension PrivateKey {
  /// The public half.
  public func publicKey() throws(JOSEError) -> PublicKey {
    switch type {
    case .rsa:
      try PublicKey.rsa(
        modulus: key.number(OSSL_PKEY_PARAM_RSA_N), exponent: key.number(OSSL_PKEY_PARAM_RSA_E))
    case .p256: try publicKey(on: .p256)
    case .p384: try publicKey(on: .p384)
    case .ed25519: try PublicKey.ed25519(key.rawPublicKey())
    }
  }

  private func publicKey(on curve: NISTCurve) throws(JOSEError) -> PublicKey {
    try PublicKey.ecdsa(
      curve, x: coordinate(OSSL_PKEY_PARAM_EC_PUB_X, on: curve),
      y: coordinate(OSSL_PKEY_PARAM_EC_PUB_Y, on: curve))
  }

  /// The members that describe the public half in a JWK (RFC 7518 section 6, RFC 8037 section 2).
  public func publicJWKMembers() throws(JOSEError) -> [String: String] {
    switch type {
    case .rsa:
      [
        "kty": "RSA",
        "n": Base64URL.encode(try key.number(OSSL_PKEY_PARAM_RSA_N)),
        "e": Base64URL.encode(try key.number(OSSL_PKEY_PARAM_RSA_E)),
      ]
    case .p256: try publicJWKMembers(on: .p256)
    case .p384: try publicJWKMembers(on: .p384)
    case .ed25519:
      ["kty": "OKP", "crv": "Ed25519", "x": Base64URL.encode(try key.rawPublicKey())]
    }
  }

  private func publicJWKMembers(on curve: NISTCurve) throws(JOSEError) -> [String: String] {
    [
      "kty": "EC", "crv": curve.jwkName,
      "x": Base64URL.encode(try coordinate(OSSL_PKEY_PARAM_EC_PUB_X, on: curve)),
      "y": Base64URL.encode(try coordinate(OSSL_PKEY_PARAM_EC_PUB_Y, on: curve)),
    ]
  }

  private func coordinate(_ name: String, on curve: NISTCurve) throws(JOSEError) -> [UInt8] {
    try key.number(name, size: curve.coordinateSize)
  }
}
