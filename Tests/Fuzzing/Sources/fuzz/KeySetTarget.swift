import Foundation
import JOSE
import StrictJSON

/// The JWKS reader, against the conditions on a key looked up by Foundation.
enum KeySetTarget {
  static func check(_ input: [UInt8]) {
    guard let keySet = try? JWKSet(parsing: input) else { return }
    guard keySet.keys.count <= 100 else { violated("a set has at most 100 keys") }
    keySet.keys.prefix(4).forEach { checkUse(of: $0, in: keySet) }
    guard JSONTarget.isComparable(input) else { return }
    let document = JSONTarget.foundationValue(input) as? [String: Any]
    guard var jwks = (document?["keys"] as? [Any])?[...] else {
      violated("a set is an object with an array of keys")
    }
    for key in keySet.keys {
      guard let index = jwks.firstIndex(where: { isPermitted($0, key) }) else {
        violated("each key is one of the set's, in their order, that may verify signatures")
      }
      jwks = jwks[(index + 1)...]
    }
  }

  /// Whether the JWK allows `key` to be made of it (RFC 7517 section 4, RFC 7518 section 6).
  private static func isPermitted(_ jwk: Any, _ key: VerificationKey) -> Bool {
    guard let jwk = jwk as? [String: Any],
      jwk["use"] == nil || isText(jwk["use"], "sig"),
      jwk["key_ops"] == nil
        || (jwk["key_ops"] as? [String])?.contains(where: { isText($0, "verify") }) == true,
      jwk["d"] == nil, jwk["k"] == nil,
      isText(jwk["kid"], key.keyID), isText(jwk["alg"], key.algorithm?.rawValue)
    else { return false }
    let family = (key.algorithm?.rawValue.prefix(2)).map(String.init)
    if isText(jwk["kty"], "RSA") {
      return key.key.type == .rsa && ["RS", "PS", nil].contains(family) && isStrongRSA(jwk)
    }
    if isText(jwk["kty"], "EC") {
      let size = key.key.type == .p256 ? 32 : 48
      return isText(jwk["crv"], size == 32 ? "P-256" : "P-384")
        && [.p256, .p384].contains(key.key.type) && ["ES", nil].contains(family)
        && bytes(jwk["x"])?.count == size && bytes(jwk["y"])?.count == size
    }
    return isText(jwk["kty"], "OKP") && isText(jwk["crv"], "Ed25519")
      && key.key.type == .ed25519 && ["Ed", nil].contains(family)
      && bytes(jwk["x"])?.count == 32
  }

  /// 2048 to 8192 bits, odd exponent of at least 3.
  private static func isStrongRSA(_ jwk: [String: Any]) -> Bool {
    guard let modulus = bytes(jwk["n"])?.drop(while: { $0 == 0 }), let first = modulus.first,
      let exponent = bytes(jwk["e"]), let last = exponent.last
    else { return false }
    let bits = modulus.count * 8 - first.leadingZeroBitCount
    return (2048...8192).contains(bits) && last % 2 == 1
      && exponent.drop(while: { $0 == 0 }) != [1] && exponent.count <= 8
  }

  /// A key that is found is one of the set's under that name, and takes no signature that nobody made.
  private static func checkUse(of key: VerificationKey, in keySet: JWKSet) {
    for algorithm in SignatureAlgorithm.allCases {
      if let found = keySet.key(id: key.keyID, algorithm: algorithm) {
        let isInSet = keySet.keys.contains { candidate in
          candidate.key === found && [nil, algorithm].contains(candidate.algorithm)
            && (key.keyID == nil || isText(key.keyID, candidate.keyID))
        }
        guard isInSet else { violated("the key that is found is the one that was asked for") }
      }
      for size in [64, 96, 256] {
        let signature = [UInt8](repeating: 1, count: size)
        guard !key.key.isValid(signature: signature, over: [1], algorithm: algorithm) else {
          violated("no signature verifies that was not made")
        }
      }
    }
  }

  private static func bytes(_ member: Any?) -> [UInt8]? {
    (member as? String).flatMap { TokenTarget.decoded(Array($0.utf8)) }
  }

  /// Whether the member is exactly this text, or absent for nil. Byte for byte: `==` on strings would take canonically
  /// equivalent texts for one.
  private static func isText(_ member: Any?, _ text: String?) -> Bool {
    guard let text else { return member == nil }
    return (member as? String)?.hasSameUTF8(as: text) == true
  }
}
