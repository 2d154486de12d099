/// What identities are made of that a policy can be written for.
public enum UserIdentity {
  /// In bytes of UTF-8.
  public static let maximumLength = 300

  /// For people.
  public static let rule = "1 to \(maximumLength) bytes without control characters"

  /// Whether the text follows `rule`. The bytes are those of UTF-8.
  public static func isValid(_ text: String) -> Bool {
    (1...maximumLength).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
  }
}
