import JOSE
import StrictJSON

/// One key of each type for the whole run: generating RSA keys takes time.
enum Keys {
  static let rsa = try! PrivateKey(generating: .rsa)
  static let otherRSA = try! PrivateKey(generating: .rsa)
  static let p256 = try! PrivateKey(generating: .p256)
  static let otherP256 = try! PrivateKey(generating: .p256)
  static let p384 = try! PrivateKey(generating: .p384)
  static let otherP384 = try! PrivateKey(generating: .p384)
  static let ed25519 = try! PrivateKey(generating: .ed25519)
  static let otherEd25519 = try! PrivateKey(generating: .ed25519)

  static func of(_ algorithm: SignatureAlgorithm) -> PrivateKey {
    switch algorithm.keyType {
    case .rsa: rsa
    case .p256: p256
    case .p384: p384
    case .ed25519: ed25519
    }
  }

  /// Another key of the same type.
  static func other(_ algorithm: SignatureAlgorithm) -> PrivateKey {
    switch algorithm.keyType {
    case .rsa: otherRSA
    case .p256: otherP256
    case .p384: otherP384
    case .ed25519: otherEd25519
    }
  }
}

extension PrivateKey {
  /// The public JWK as a JSON text; `extra` is added, and a member that is null there is left out.
  func jwk(_ extra: [String: String] = [:]) throws -> String {
    var members = try publicJWKMembers().mapValues { "\"\($0)\"" }
    for (name, value) in extra { members[name] = value == "null" ? nil : value }
    return "{" + members.sorted { $0.key < $1.key }.map { "\"\($0)\":\($1)" }.joined(separator: ",")
      + "}"
  }
}

func keySet(_ jwks: String...) throws -> JWKSet {
  try JWKSet(parsing: Array("{\"keys\":[\(jwks.joined(separator: ","))]}".utf8))
}

func verificationKey(_ jwk: String) throws -> VerificationKey {
  let object = try JSONValue(parsing: Array(jwk.utf8), limits: .keySet).object
  return try VerificationKey(jwk: object!)
}

func token(
  _ header: String, _ payload: String = #"{"sub":"me"}"#, key: PrivateKey = Keys.rsa,
  algorithm: SignatureAlgorithm = .rs256
) throws -> String {
  try key.compactJWS(
    header: Array(header.utf8), payload: Array(payload.utf8), algorithm: algorithm)
}

/// What a relying party does with a token and a key set, as far as this library goes.
func isVerified(
  _ token: String, by keys: JWKSet,
  among allowed: Set<SignatureAlgorithm> = Set(SignatureAlgorithm.allCases)
) -> Bool {
  guard let jws = try? CompactJWS(token), let algorithm = try? jws.algorithm(among: allowed),
    let keyID = try? jws.keyID().map(Optional.some) ?? .some(nil),
    let key = keys.key(id: keyID, algorithm: algorithm)
  else { return false }
  return key.isValid(signature: jws.signature, over: jws.signingInput, algorithm: algorithm)
}

extension [UInt8] {
  init(hex: String) {
    let digits = hex.utf8.map { UInt8(Character(Unicode.Scalar($0)).hexDigitValue!) }
    self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  /// The same bytes with one bit turned.
  func flippingBit(at index: Int) -> [UInt8] {
    var bytes = self
    bytes[index] ^= 1
    return bytes
  }
}
