import Foundation
import StrictJSON

/// The names of the claims that are read. A claim whose name only looks like one of them (`SUB`, `ſub`) is read by
/// nobody here, but perhaps by whoever else handles the token: two readers would see two subjects.
struct ClaimNames: Sendable {
  private static let standard = [
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "email", "email_verified",
  ]

  /// By what they look like.
  private let names: [String: [String]]

  init(readFrom provider: Provider, and others: [String]) {
    let all =
      Self.standard + [provider.identityClaim] + provider.requiredClaims.map(\.claim.claimName)
      + others
    names = Dictionary(grouping: all, by: Self.folded)
  }

  func refuseLookAlikes(in claims: JSONObject) throws(TokenFault) {
    for name in claims.members.map(\.name) {
      guard let alike = names[Self.folded(name)] else { continue }
      guard alike.contains(where: { $0.hasSameUTF8(as: name) }) else {
        throw .misleadingClaimName(name)
      }
    }
  }

  /// What can be seen of a name, without regard to case and to forms of the same letter.
  private static func folded(_ name: String) -> String {
    if name.utf8.allSatisfy({ $0 < 0x80 }) { return name.lowercased() }
    let visible = String(
      String.UnicodeScalarView(
        name.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint }))
    return visible.precomposedStringWithCompatibilityMapping.uppercased().lowercased()
  }
}
