import OIDC
import Runners
import StrictJSON

extension LabelPolicy {
  /// The policy that a token carries in `runner_permissions`: `allowed_labels`, `label_patterns`, `max_runners`. nil where
  /// it carries none. Throws `invalidToken` for one that cannot be read whole: half a policy must not decide.
  init?(claimedBy claims: Claims) throws(ServiceError) {
    guard let claim = claims.all["runner_permissions"] else { return nil }
    guard let members = claim.object else { throw Self.unreadable("it is no object") }
    self.init()
    for member in members.members {
      switch member.name {
      case "allowed_labels": allowedLabels = try Self.labels(member.value)
      case "label_patterns": labelPatterns = try Self.patterns(member.value)
      case "max_runners":
        if member.value == .null { continue }
        guard let number = member.value.integer, (0...1_000_000).contains(number) else {
          throw Self.unreadable("max_runners must be a whole number, 0 or more")
        }
        maximumRunners = Int(number)
      default:
        throw Self.unreadable("\(member.name.prefix(scalars: 64)) is not a member of it")
      }
    }
  }

  private static func labels(_ value: JSONValue) throws(ServiceError) -> [AllowedLabel] {
    guard let texts = value.strings, texts.count <= maximumAllowedLabels else {
      throw unreadable("allowed_labels must be a list of at most \(maximumAllowedLabels) texts")
    }
    let labels = texts.compactMap(AllowedLabel.init)
    guard labels.count == texts.count else {
      throw unreadable("allowed_labels has what is no label")
    }
    return labels
  }

  private static func patterns(_ value: JSONValue) throws(ServiceError) -> [LabelPattern] {
    guard let texts = value.strings, texts.count <= maximumLabelPatterns else {
      throw unreadable("label_patterns must be a list of at most \(maximumLabelPatterns) texts")
    }
    var patterns: [LabelPattern] = []
    for text in texts {
      do { patterns.append(try LabelPattern(text)) } catch {
        throw unreadable("label_patterns has a pattern that cannot be used")
      }
    }
    return patterns
  }

  private static func unreadable(_ reason: String) -> ServiceError {
    .invalidToken(
      description:
        "The token's claim runner_permissions cannot be used: \(reason); tell its issuer.")
  }
}
