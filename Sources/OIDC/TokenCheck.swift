/// What a token has to pass, in order. Each is a step of `TokenValidator.validate`.
public enum TokenCheck: String, Sendable, CaseIterable {
  /// At most 8 KiB.
  case size
  /// Three segments of base64url, the first a JSON object.
  case form
  /// `alg` is allowed, and nothing else in the header changes what the token means.
  case algorithm
  /// The second segment is a JSON object.
  case payload
  /// `iss` is a provider's, and allows `alg`.
  case issuer
  /// `typ` is not that of another kind of token.
  case type
  /// The provider has exactly one key for it.
  case key
  /// The signature is that of this key over the first two segments (RFC 7515 section 5.2).
  case signature
  /// No claim's name is a look-alike of one that is read.
  case claimNames = "claim names"
  /// `exp`, `nbf`, `iat`
  case times
  /// `aud`, `azp`
  case audience
  /// `sub`
  case subject
  /// `jti`, where tokens are good for one runner only.
  case tokenID = "token id"
  /// What the configuration requires beside.
  case requiredClaims = "required claims"
}
