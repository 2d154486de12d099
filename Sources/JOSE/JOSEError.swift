public import StrictJSON

/// Why a token, a key or a signature was refused. For logs, not for callers: it tells what was looked at.
public enum JOSEError: Error, Sendable, Equatable {
  /// Not three base64url segments (RFC 7515 section 7.1).
  case malformedToken
  /// A segment is over its size limit.
  case oversizedToken
  /// The header, a key or a key set is no strict JSON.
  case invalidJSON(JSONError)
  /// The header is not an object, lacks `alg`, or has a member of the wrong type.
  case malformedHeader(String)
  /// The header carries this member, which would change what the token means: `crit`, `b64`, `zip` or `cty`.
  case headerNotAccepted(String)
  /// `alg` is not one that we know and the configuration allows (RFC 8725 section 3.1).
  case algorithmNotAllowed(String)
  /// The key cannot be used: its type, size, curve, point, exponent or declared use is wrong.
  case unusableKey(String)
  /// The signature is not of this key over these bytes.
  case signatureMismatch
  /// The cryptographic library failed on our own input, for example while signing.
  case cryptography(String)
}
