import JOSE
import StrictJSON

/// What a token says of itself, as far as it can be read: for the log of those that were refused. Nothing in it was
/// verified, and nothing may be decided on it. Texts of the token's are cut after 255 Unicode scalars.
public struct TokenFacts: Sendable {
  /// `alg` of the header.
  public let algorithm: String?
  /// `kid` of the header.
  public let keyID: String?
  /// `typ` of the header.
  public let type: String?
  /// `iss`
  public let issuer: String?
  /// `sub`
  public let subject: String?
  /// `jti`
  public let tokenID: String?
  /// `aud`, several with commas between them.
  public let audience: String?
  /// `exp`, in seconds since 1970.
  public let expiry: String?
  /// Of the whole token, by which it can be recognised, in hex.
  public let sha256: String?

  /// Never fails: what cannot be read of the token is nil.
  public init(reading token: String) {
    let segments = token.utf8.split(
      separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: false)
    let header = segments.first.flatMap(Self.object)
    let claims = segments.dropFirst().first.flatMap(Self.object)
    algorithm = Self.text("alg", of: header)
    keyID = Self.text("kid", of: header)
    type = Self.text("typ", of: header)
    issuer = Self.text("iss", of: claims)
    subject = Self.text("sub", of: claims)
    tokenID = Self.text("jti", of: claims)
    audience =
      Self.text("aud", of: claims)
      ?? claims?["aud"]?.strings?.joined(separator: ",").prefix(scalars: 255)
    expiry =
      switch claims?["exp"] {
      case .integer(let seconds): String(seconds)
      case .double(let seconds): String(seconds)
      default: nil
      }
    sha256 = try? Digest.sha256Hex(Array(token.utf8))
  }

  /// The header and the claims as they are written, each nil where it is no base64url of text.
  public static func texts(of token: String) -> (header: String?, claims: String?) {
    let segments = token.utf8.split(
      separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: false)
    let texts = segments.prefix(2).map { segment in
      Base64URL.decode(segment).flatMap { String(validating: $0, as: UTF8.self) }
    }
    return (texts[0], texts.count > 1 ? texts[1] : nil)
  }

  private static func object(_ segment: some Collection<UInt8>) -> JSONObject? {
    guard segment.count <= TokenValidator.maximumTokenSize,
      let bytes = Base64URL.decode(segment)
    else { return nil }
    return try? JSONValue(parsing: bytes, limits: .token).object
  }

  /// Cut, since it may be as long as the token.
  private static func text(_ name: String, of object: JSONObject?) -> String? {
    object?[name]?.string.map { $0.prefix(scalars: 255) }
  }
}
