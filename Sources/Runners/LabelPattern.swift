public import Patterns

/// A PCRE2 pattern that is matched against whole labels, without regard to case.
public struct LabelPattern: Sendable, Equatable, CustomStringConvertible {
  /// Of a source, in characters.
  public static let maximumLength = Pattern.maximumLength

  private let pattern: Pattern

  /// Compiles a source. Throws what is wrong with it for the admin who wrote it: too long, malformed, or with a character
  /// that is not ASCII, since no label has one.
  public init(_ source: String) throws(PatternError) {
    pattern = try Pattern(source, ignoringCase: true, alphabet: .ascii)
  }

  /// As the admin, or the token, wrote it.
  public var source: String { pattern.source }

  public var description: String { source }

  /// Whether the whole label matches, without regard to case, or the match was given up at a limit.
  public func match(_ label: Label) -> Match { pattern.match(label.description) }

  /// By source: two that are written differently differ, even where they match the same labels.
  public static func == (left: LabelPattern, right: LabelPattern) -> Bool {
    left.source == right.source
  }
}
