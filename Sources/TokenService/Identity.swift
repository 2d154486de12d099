import Foundation
public import OIDC
public import Runners
import StrictJSON

extension Settings {
  /// Who the claims of a validated token stand for.
  public func principal(for claims: Claims) -> Principal {
    let identity = identity(of: claims)
    return Principal(
      issuer: claims.issuer, subject: claims.subject, identity: identity,
      isAdmin: isAdmin(claims, identity: identity))
  }

  private func isAdmin(_ claims: Claims, identity: String) -> Bool {
    if adminRule.identities.contains(where: { $0.hasSameUTF8(as: identity) }) { return true }
    guard isFirst(claims.provider) else { return false }
    let claim = claims.all[adminRule.claim]
    let values = claim?.strings ?? claim?.string.map { [$0] } ?? []
    return adminRule.claimValues.contains { value in values.contains { $0.hasSameUTF8(as: value) } }
  }

  /// What people read, and policies are written against. No two callers can have the same one unless their issuer says
  /// so: a subject that stands in for a name is marked as such, and no name may begin like such a mark.
  private func identity(of claims: Claims) -> String {
    let name = name(of: claims) ?? "sub:" + claims.subject
    return isFirst(claims.provider) ? name : "\(claims.provider.name):\(name)"
  }

  /// The text of the configured claim; nil where it cannot be believed or could be taken for another's.
  private func name(of claims: Claims) -> String? {
    let claim = claims.provider.identityClaim
    guard let name = claim == "sub" ? claims.subject : claims.text(claim),
      claim != "email" || claims.all["email_verified"]?.bool == true,
      (1...255).contains(name.utf8.count), Self.isLegible(name),
      !marks.contains(where: { name.lowercased().utf8.starts(with: $0.utf8) })
    else { return nil }
    return name
  }

  /// What no name may begin with, in whatever case: people would take it for a mark. The first provider's name is one too,
  /// for the day when it is first no more.
  private var marks: [String] {
    (["sub", "cli", "system"] + identityProviders.map(\.name)).map { $0 + ":" }
  }

  private func isFirst(_ provider: Provider) -> Bool {
    identityProviders.first?.issuer.hasSameUTF8(as: provider.issuer) == true
  }

  /// A letter without ink.
  private static let blankBraille: Unicode.Scalar = "\u{2800}"

  /// Whether people can tell the text from others by looking: nothing in it is invisible or turns its direction.
  private static func isLegible(_ text: String) -> Bool {
    let misleading: Set<Unicode.GeneralCategory> = [
      .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned,
    ]
    return text.trimmingCharacters(in: .whitespaces) == text
      && !text.unicodeScalars.contains { scalar in
        misleading.contains(scalar.properties.generalCategory)
          || scalar.properties.isDefaultIgnorableCodePoint || scalar == blankBraille
      }
  }
}
