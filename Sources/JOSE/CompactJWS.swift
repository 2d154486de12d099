public import StrictJSON

/// A token in JWS compact serialization (RFC 7515 section 7.1), taken apart but not yet verified: nothing in it may
/// be believed, only used to choose what to verify it with.
public struct CompactJWS: Sendable {
  /// Size limits of the encoded segments, in bytes.
  public static let maximumHeaderSize = 2048
  /// Of the claims, encoded.
  public static let maximumPayloadSize = 6144
  /// Of a signature, encoded: an RSA key of 8192 bits makes 1366 bytes.
  public static let maximumSignatureSize = 1400
  /// Of all three and their two dots.
  private static let maximumSize =
    maximumHeaderSize + maximumPayloadSize + maximumSignatureSize + 2

  /// All of it, for reading. The members that bring a key or tell where there is one (`jwk`, `jku`, `x5u`, `x5c`,
  /// `x5t`, `x5t#S256`) are never acted upon: keys come from the issuer's key set only (RFC 8725 section 3.10).
  public let header: JSONObject
  /// The second segment, decoded. Not to be believed before the signature holds.
  public let payload: [UInt8]
  /// The third segment, decoded.
  public let signature: [UInt8]
  /// What the signature covers: the first two segments and the dot between them.
  public let signingInput: [UInt8]

  // MARK: - Form

  /// Splits and decodes a token.
  public init(_ token: String) throws(JOSEError) {
    guard token.utf8.count <= Self.maximumSize else { throw .oversizedToken }

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

  // MARK: - Algorithm and extensions

  /// `alg`, if it is one that we implement and the caller allows. The header chooses within the caller's list and
  /// never beyond it. Also refuses the extensions that would change what the token means.
  public func algorithm(
    among allowed: Set<SignatureAlgorithm>
  ) throws(JOSEError) -> SignatureAlgorithm {
    guard let name = header["alg"]?.string else { throw .malformedHeader("alg") }
    guard let algorithm = SignatureAlgorithm(name: name), allowed.contains(algorithm) else {
      throw .algorithmNotAllowed(name)
    }
    for extensionName in Self.refusedExtensions where header[extensionName] != nil {
      throw .headerNotAccepted(extensionName)
    }
    return algorithm
  }

  /// `crit` lists what must be understood (RFC 7515 section 4.1.11), and we understand none of it. `b64` says that the
  /// payload is not base64url (RFC 7797 section 3). `zip` belongs to encryption (RFC 7516 section 4.1.3). `cty` says
  /// that the payload is a token again (RFC 7519 section 5.2). Whatever their value: an honest ID or access token has
  /// none of them.
  private static let refusedExtensions = ["crit", "b64", "zip", "cty"]

  // MARK: - Other members

  /// `kid`, the name of the key that is said to have signed the token, or nil where the header has none.
  public func keyID() throws(JOSEError) -> String? {
    try text("kid")
  }

  /// `typ`, what kind of token this is said to be (RFC 7515 section 4.1.9), as it stands there, or nil where the header
  /// has none.
  public func type() throws(JOSEError) -> String? {
    try text("typ")
  }

  private func text(_ name: String) throws(JOSEError) -> String? {
    guard let member = header[name] else { return nil }
    guard let text = member.string else { throw .malformedHeader(name) }
    return text
  }
}

extension JSONValue.Limits {
  /// For the segments of a token: claims are shallow, and a deep or crowded one is an attack.
  public static let token = JSONValue.Limits(depth: 8, values: 400)
  /// For a key set of up to 100 keys with certificates.
  public static let keySet = JSONValue.Limits(depth: 8, values: 4000)
}
