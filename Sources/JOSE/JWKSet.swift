public import StrictJSON

/// One key of an identity provider, with the restrictions that its JWK puts on its use.
public struct VerificationKey: Sendable {
  /// `kid`; nil where the JWK has none.
  public let keyID: String?
  /// `alg`, the only one that the key may be used with (RFC 8725 section 3.1); nil where the JWK does not restrict it.
  public let algorithm: SignatureAlgorithm?
  /// What it verifies with. The restrictions above are the caller's to keep; `JWKSet.key(id:algorithm:)` keeps them.
  public let key: PublicKey

  /// Reads a JWK (RFC 7517 section 4). Throws `unusableKey` for one that must not verify signatures: another `use`,
  /// `key_ops` without `verify`, an unknown `kty`, `crv` or `alg`, an `alg` of another kind of key, a private or
  /// symmetric key, a weak or false one.
  public init(jwk: JSONObject) throws(JOSEError) {
    guard jwk["use"] == nil || jwk["use"]?.string == "sig" else { throw .unusableKey("use") }
    if let operations = jwk["key_ops"] {
      guard operations.strings?.contains("verify") == true else { throw .unusableKey("key_ops") }
    }
    guard jwk["d"] == nil, jwk["k"] == nil else { throw .unusableKey("private or symmetric key") }
    key = try Self.publicKey(jwk)
    algorithm = try Self.algorithm(jwk, for: key.type)
    keyID = try Self.text("kid", of: jwk)
  }

  private static func publicKey(_ jwk: JSONObject) throws(JOSEError) -> PublicKey {
    switch (name("kty", in: jwk), name("crv", in: jwk)) {
    case ("RSA", _):
      try PublicKey.rsa(modulus: bytes("n", of: jwk), exponent: bytes("e", of: jwk))
    case ("EC", "P-256"):
      try PublicKey.p256(x: bytes("x", of: jwk), y: bytes("y", of: jwk))
    case ("EC", "P-384"):
      try PublicKey.p384(x: bytes("x", of: jwk), y: bytes("y", of: jwk))
    case ("OKP", "Ed25519"):
      try PublicKey.ed25519(bytes("x", of: jwk))
    default:
      throw .unusableKey("kty or crv")
    }
  }

  /// A member that is a name of the standard, all of which are ASCII. On other text `switch` would also match what is
  /// canonically equivalent: `OKP` has a twin with the sign for Kelvin.
  private static func name(_ member: String, in jwk: JSONObject) -> String? {
    guard let name = jwk[member]?.string, name.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    return name
  }

  private static func algorithm(
    _ jwk: JSONObject, for type: KeyType
  ) throws(JOSEError) -> SignatureAlgorithm? {
    guard let name = try text("alg", of: jwk) else { return nil }
    guard let algorithm = SignatureAlgorithm(name: name), algorithm.keyType == type else {
      throw .unusableKey("alg")
    }
    return algorithm
  }

  private static func text(_ name: String, of jwk: JSONObject) throws(JOSEError) -> String? {
    guard let member = jwk[name] else { return nil }
    guard let text = member.string else { throw .unusableKey(name) }
    return text
  }

  private static func bytes(_ name: String, of jwk: JSONObject) throws(JOSEError) -> [UInt8] {
    guard let text = jwk[name]?.string, let bytes = Base64URL.decode(text), !bytes.isEmpty else {
      throw .unusableKey(name)
    }
    return bytes
  }
}

/// The keys of one identity provider (RFC 7517 section 5).
public struct JWKSet: Sendable {
  /// More keys than any honest provider has; a larger set is refused whole.
  public static let maximumKeyCount = 100

  /// Only the usable ones.
  public let keys: [VerificationKey]

  /// Reads a key set. Keys that cannot be used are left out and do not spoil the rest (RFC 7517 section 5).
  public init(parsing bytes: [UInt8]) throws(JOSEError) {
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes, limits: .keySet) } catch {
      throw .invalidJSON(error)
    }
    guard let elements = value.object?["keys"]?.array else { throw .unusableKey("keys") }
    guard elements.count <= Self.maximumKeyCount else { throw .unusableKey("too many keys") }
    keys = elements.compactMap { element in
      element.object.flatMap { try? VerificationKey(jwk: $0) }
    }
  }

  /// The one key that may verify a token with this `kid` and `alg`. A token without `kid` is served only where
  /// exactly one key fits; the same holds for a `kid` that two keys claim. We never try key after key.
  public func key(id keyID: String?, algorithm: SignatureAlgorithm) -> PublicKey? {
    let fitting = keys.filter { candidate in
      guard candidate.key.type == algorithm.keyType else { return false }
      guard candidate.algorithm == nil || candidate.algorithm == algorithm else { return false }
      guard let keyID else { return true }
      return candidate.keyID?.hasSameUTF8(as: keyID) == true
    }
    return fitting.count == 1 ? fitting[0].key : nil
  }
}
