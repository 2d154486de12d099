public import StrictJSON

/// A token in JWS compact serialization (RFC 7515 section 7.1), taken apart but not yet verified: nothing in it may
/// be believed, only used to choose what to verify it with.
public struct CompactJWS: Sendable {
  /// Size limits of the encoded segments, in bytes.
  public static let maximumHeaderSize = 2048
  public static let maximumPayloadSize = 6144
  public static let maximumSignatureSize = 1400

  public let header: JSONObject
  public let payload: [UInt8]
  public let signature: [UInt8]
  /// What the signature covers: the first two segments and the dot between them.
  public let signingInput: [UInt8]

  /// Splits and decodes a token.
  public init(_ token: String) throws(JOSEError) {
    let segments = Array(token.utf8).split(
      separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard segments.count == 3 else { throw .malformedToken }
    guard segments[0].count <= Self.maximumHeaderSize,
      segments[1].count <= Self.maximumPayloadSize,
      segments[2].count <= Self.maximumSignatureSize
    else { throw .oversizedToken }
    guard let headerBytes = Base64URL.decode(segments[0]),
      let payload = Base64URL.decode(segments[1]),
      let signature = Base64URL.decode(segments[2]),
      !headerBytes.isEmpty, !payload.isEmpty, !signature.isEmpty
    else { throw .malformedToken }
    self.header = try Self.header(parsing: headerBytes)
    self.payload = payload
    self.signature = signature
    self.signingInput = segments[0] + [UInt8(ascii: ".")] + segments[1]
  }

  private static func header(parsing bytes: [UInt8]) throws(JOSEError) -> JSONObject {
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes, limits: .token) } catch { throw .invalidJSON(error) }
    guard let header = value.object else { throw .malformedHeader("not an object") }
    return header
  }

  /// `alg`, if it is one that we implement and the caller allows. The header chooses within the caller's list and
  /// never beyond it. Also refuses `crit`, since there is no extension that we understand.
  public func algorithm(
    among allowed: Set<SignatureAlgorithm>
  ) throws(JOSEError) -> SignatureAlgorithm {
    guard let name = header["alg"]?.string else { throw .malformedHeader("alg") }
    guard let algorithm = SignatureAlgorithm(rawValue: name),
      algorithm.rawValue.hasSameUTF8(as: name),
      allowed.contains(algorithm)
    else { throw .algorithmNotAllowed(name) }
    guard header["crit"] == nil else { throw .criticalHeader }
    return algorithm
  }

  /// `kid`, the name of the key that is said to have signed the token, or nil where the header has none.
  public func keyID() throws(JOSEError) -> String? {
    guard let member = header["kid"] else { return nil }
    guard let keyID = member.string else { throw .malformedHeader("kid") }
    return keyID
  }
}

extension JSONValue.Limits {
  /// For the segments of a token: claims are shallow, and a deep or crowded one is an attack.
  public static let token = JSONValue.Limits(depth: 8, values: 400)
  /// For a key set of up to 100 keys with certificates.
  public static let keySet = JSONValue.Limits(depth: 8, values: 4000)
}
