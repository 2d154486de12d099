import COpenSSL

/// The curves of ECDSA (RFC 7518 section 6.2.1.1).
enum NISTCurve: CaseIterable {
  case p256
  case p384

  /// `crv` in a JWK.
  var jwkName: String {
    switch self {
    case .p256: "P-256"
    case .p384: "P-384"
    }
  }

  /// What OpenSSL calls it. The text lives for ever.
  var groupName: UnsafePointer<CChar> {
    switch self {
    case .p256: shim_p256_group_name()
    case .p384: shim_p384_group_name()
    }
  }

  /// Bytes of a coordinate, and of R and of S in a signature.
  var coordinateSize: Int {
    switch self {
    case .p256: 32
    case .p384: 48
    }
  }

  var keyType: KeyType {
    switch self {
    case .p256: .p256
    case .p384: .p384
    }
  }
}

extension KeyType {
  /// nil where the key is not one for ECDSA.
  var curve: NISTCurve? {
    NISTCurve.allCases.first { $0.keyType == self }
  }
}
