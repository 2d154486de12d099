public import StrictJSON

/// The claims of a token that was validated.
public struct Claims: Sendable {
  /// Whose token it is.
  public let provider: Provider
  /// `sub`; 1 to 255 bytes without control characters.
  public let subject: String
  /// `jti`; nil where the token has none that can be used (1 to 255 bytes without control characters).
  public let tokenID: String?
  /// From when on the token is refused: its `exp` and the leeway, in seconds since 1970.
  public let refusedFrom: Double
  /// Every claim.
  public let all: JSONObject

  /// `iss`
  public var issuer: String { provider.issuer }

  /// The text of a claim; nil where it is absent or no text.
  public func text(_ name: String) -> String? {
    all[name]?.string
  }
}
