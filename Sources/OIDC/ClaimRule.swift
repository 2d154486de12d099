public import Patterns
public import StrictJSON

/// What a claim must be for a token to be accepted.
public struct ClaimRule: Sendable {
  /// What satisfies a rule.
  public enum Condition: Sendable {
    /// Exactly one of these texts, numbers or truth values.
    case oneOf([JSONValue])
    /// A text that the pattern matches as a whole.
    case pattern(Pattern)
  }

  /// Where the claim stands in the token.
  public let claim: ClaimPath
  let condition: Condition

  /// The claim of this path must satisfy the condition; a token that lacks the claim is refused.
  public init(_ claim: ClaimPath, _ condition: Condition) {
    self.claim = claim
    self.condition = condition
  }

  /// Where the claim is a list, one of its elements has to satisfy the condition.
  func isSatisfied(by claims: JSONObject) -> Bool {
    guard let value = claim.value(in: claims) else { return false }
    return (value.array ?? [value]).contains(where: isSatisfied)
  }

  private func isSatisfied(by value: JSONValue) -> Bool {
    switch condition {
    case .oneOf(let values): values.contains(value)
    // A match that takes too long counts as none.
    case .pattern(let pattern): value.string.map { pattern.match($0) == .matches } ?? false
    }
  }
}

/// Where a claim stands in a token: a name, or a JSON pointer (RFC 6901) into nested claims.
public struct ClaimPath: Sendable, CustomStringConvertible {
  /// As the configuration has it.
  public let description: String
  private let names: [String]

  /// A text that begins with `/` is a pointer, any other a name. nil for an empty text and for a pointer with a `~` that
  /// is no escape.
  public init?(_ text: String) {
    guard !text.isEmpty else { return nil }
    description = text
    guard text.hasPrefix("/") else {
      names = [text]
      return
    }
    let segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    let names = segments.compactMap(Self.unescaped)
    guard names.count == segments.count else { return nil }
    self.names = names
  }

  /// The claim of which this is a part, or which it is.
  var claimName: String { names[0] }

  func value(in claims: JSONObject) -> JSONValue? {
    names.dropFirst().reduce(claims[names[0]]) { value, name in
      value?.object?[name] ?? value?.array.flatMap { Self.element(name, of: $0) }
    }
  }

  private static func element(_ index: String, of array: [JSONValue]) -> JSONValue? {
    guard let number = Int(index), String(number) == index, array.indices.contains(number) else {
      return nil
    }
    return array[number]
  }

  /// `~1` stands for `/` and `~0` for `~`.
  private static func unescaped(_ segment: Substring) -> String? {
    let parts = segment.split(separator: "~", omittingEmptySubsequences: false)
    var text = String(parts[0])
    for part in parts.dropFirst() {
      switch part.first {
      case "0": text += "~"
      case "1": text += "/"
      default: return nil
      }
      text += part.dropFirst()
    }
    return text
  }
}
