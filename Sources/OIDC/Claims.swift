public import StrictJSON

/// The claims of a token that was validated.
public struct Claims: Sendable {
  /// `iss`
  public let issuer: String
  /// `sub`; 1 to 255 bytes without control characters.
  public let subject: String
  /// Every claim.
  public let all: JSONObject

  /// The text of a claim; nil where it is absent or no text.
  public func text(_ name: String) -> String? {
    all[name]?.string
  }
}
