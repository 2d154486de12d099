public import JOSE
public import StrictJSON

/// Why a token did not get its bearer in.
public enum TokenRefusal: Error, Sendable {
  /// The token is at fault.
  case invalid(TokenFault)
  /// We have no keys to judge it by: not the caller's fault.
  case providerUnavailable(String)
}

/// What is wrong with a token.
public enum TokenFault: Error, Sendable, Equatable {
  /// Over 8 KiB.
  case oversized
  case jose(JOSEError)
  case payloadNotJSON(JSONError)
  case payloadNotObject
  case issuerNotTrusted(expected: String)
  case keyNotFound
  /// A claim that must be there is absent or of the wrong type.
  case claimMissing(String)
  case expired
  case notYetValid
  case issuedInFuture
  case wrongAudience(expected: [String])
  case subjectNotUsable

  /// For the caller: what an honest one can do about it. Tells nothing about keys.
  public var description: String {
    switch self {
    case .expired: "The token has expired; get a new one."
    case .notYetValid, .issuedInFuture: "The token is not valid yet; check the issuer's clock."
    case .wrongAudience(let expected):
      "The token is for another audience; ask for one with the audience \(expected.joined(separator: " or "))."
    case .issuerNotTrusted(let expected):
      "The token is of another issuer; get one from \(expected)."
    case .claimMissing(let name): "The token has no usable \(name) claim."
    case .subjectNotUsable: "The token's sub claim must have 1 to 255 printable characters."
    case .oversized: "The token is larger than 8 KiB."
    case .keyNotFound:
      "The token's key is not known; if the issuer has just changed its keys, try again in half a minute."
    case .jose, .payloadNotJSON, .payloadNotObject:
      "The token is malformed or its signature is not valid; get a new one and send it unchanged."
    }
  }
}
