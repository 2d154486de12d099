import JOSE

/// A key of the identity provider.
struct SigningKey: Sendable {
  let keyID: String
  let algorithm: SignatureAlgorithm
  let key: PrivateKey
  /// As it stands in the key set.
  let jwk: [String: String]

  init(_ key: PrivateKey, for algorithm: SignatureAlgorithm) throws(JOSEError) {
    self.algorithm = algorithm
    self.key = key
    var jwk = try key.publicJWKMembers()
    let material = (jwk["n"] ?? "") + (jwk["x"] ?? "")
    let fingerprint = try Digest.sha256Hex(Array(material.utf8)).prefix(12)
    keyID = algorithm.rawValue.lowercased() + "-" + fingerprint
    jwk["kid"] = keyID
    jwk["use"] = "sig"
    jwk["alg"] = algorithm.rawValue
    self.jwk = jwk
  }
}

/// The identity provider's keys: one for each algorithm, and those that it no longer signs with but
/// still publishes. The RSA key is one and the same under six ids, since such keys take long to make; a real provider
/// would have more.
struct SigningKeys: Sendable {
  private var current: [SigningKey]
  private var retired: [SigningKey] = []

  init() throws(JOSEError) {
    current = []
    for type in KeyType.allCases {
      let key = try PrivateKey(generating: type)
      for algorithm in SignatureAlgorithm.allCases where algorithm.keyType == type {
        current.append(try SigningKey(key, for: algorithm))
      }
    }
  }

  var published: [SigningKey] { current + retired }

  func key(for algorithm: SignatureAlgorithm) -> SigningKey? {
    current.first { $0.algorithm == algorithm }
  }

  /// Signs with the keys of `newer` from now on. Tokens of the old keys stay valid if those are
  /// kept.
  mutating func rotate(to newer: SigningKeys, keepingOld keepsOld: Bool) {
    retired = keepsOld ? published : []
    current = newer.current
  }
}
