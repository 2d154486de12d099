public import JOSE
public import StrictJSON

/// Why a token did not get its bearer in.
public enum TokenRefusal: Error, Sendable {
  /// The token is at fault.
  case invalid(TokenFault)
  /// We have no keys to judge it by: not the caller's fault.
  case providerUnavailable(String)
  /// More callers wait for keys than may. Not the caller's fault either, and soon over.
  case tooManyWaiting
}

/// What is wrong with a token.
public enum TokenFault: Error, Sendable, Equatable {
  /// Over 8 KiB.
  case oversized
  /// Its form, header, key or signature.
  case jose(JOSEError)
  /// The claims are no strict JSON.
  case payloadNotJSON(JSONError)
  /// The claims are JSON and no object (RFC 7519 section 7.2).
  case payloadNotObject
  /// `iss` is none of the providers', byte for byte (RFC 8725 section 3.8).
  case issuerNotTrusted(expected: [String])
  /// `typ` is that of another kind of token.
  case typeNotAccepted
  /// The provider has no key that the header could mean, or several.
  case keyNotFound
  /// A claim whose name looks like that of one that we read.
  case misleadingClaimName(String)
  /// A claim that must be there is absent or of the wrong type.
  case claimMissing(String)
  /// `exp` has passed by more than the leeway (RFC 7519 section 4.1.4).
  case expired
  /// `nbf` is ahead by more than the leeway (RFC 7519 section 4.1.5).
  case notYetValid
  /// `iat` is ahead by more than the leeway (RFC 7519 section 4.1.6).
  case issuedInFuture
  /// Valid for longer than the maximum, in seconds.
  case lifetimeTooLong(maximum: Int)
  /// `aud` has none of ours (RFC 7519 section 4.1.3).
  case wrongAudience(expected: [String])
  /// Meant for others too, and not issued to a party that may use it here.
  case partyNotAuthorized
  /// `sub` is empty, over 255 bytes or has control characters.
  case subjectNotUsable
  /// A required claim has a value that is not accepted.
  case claimNotAccepted(String)
  /// It has provisioned a runner before.
  case alreadyUsed

  /// For the caller: what an honest one can do about it. Tells nothing about keys.
  public var description: String {
    switch self {
    case .expired: "The token has expired; get a new one."
    case .notYetValid, .issuedInFuture: "The token is not valid yet; check the issuer's clock."
    case .lifetimeTooLong(let maximum):
      "The token is valid for too long; ask for one that is valid for at most \(maximum) seconds."
    case .wrongAudience(let expected):
      "The token is for another audience; ask for one with the audience \(expected.joined(separator: " or "))."
    case .partyNotAuthorized:
      "The token is for other audiences too, or was issued to another client; ask for one for this service alone."
    case .issuerNotTrusted(let expected):
      // Of several, each caller knows their own; nobody has to know the others.
      expected.count == 1
        ? "The token is of another issuer; get one from \(expected[0])."
        : "The token is not of an issuer that is accepted here; ask an administrator of this service for one."
    case .typeNotAccepted:
      "The token is of a kind (typ) that is not accepted here; ask an administrator of this service which is."
    case .claimMissing(let name): "The token has no usable \(name) claim."
    case .claimNotAccepted(let name):
      "The token's claim \(name) is missing, or has a value that is not accepted here; ask an administrator of this service."
    case .misleadingClaimName(let name):
      "The token's claim \(name.prefix(scalars: 64)) has a name that could be taken for another's; ask the issuer to rename it."
    case .subjectNotUsable: "The token's sub claim must have 1 to 255 printable characters."
    case .oversized, .jose(.oversizedToken):
      "The token is too large; ask for one of at most 8 KiB, with at most 6 KiB of claims."
    case .jose(.algorithmNotAllowed):
      "The token is signed with an algorithm that is not accepted here; ask an administrator of this service which are."
    // One sentence for both, so that it does not tell which keys there are.
    case .keyNotFound, .jose(.signatureMismatch):
      "The token's signature cannot be verified; send the token unchanged, and if its issuer has just changed its keys, try again in half a minute."
    case .alreadyUsed: "The token has provisioned a runner already; get a new one for each."
    case .jose, .payloadNotJSON, .payloadNotObject:
      "The token is malformed; get a new one and send it unchanged."
    }
  }
}
