/// A PCRE2 pattern that is matched against whole texts, within limits.
///
/// Immutable, and so safe to use from any thread. Texts are compared as the UTF-8 that they are, without Unicode
/// normalisation; `\d`, `\s`, `\w` and `[[:alpha:]]` mean ASCII unless the source begins with `(*UCP)`.
public struct Pattern: Sendable {
  /// Of a source, in Unicode scalars.
  public static let maximumLength = 256
  /// Of a text, in bytes. A longer one is not looked at.
  public static let maximumTextLength = 4096

  public let source: String
  private let compiled: CompiledPattern

  /// Compiles a pattern. Throws for one that is too long, malformed or too large when compiled, and for `\C`, which matches
  /// single bytes of a character.
  ///
  /// `ignoringCase` follows Unicode: `k` also matches the kelvin sign, U+212A, and `s` the long s, U+017F. Where only ASCII
  /// is meant, let the text be checked for that first.
  public init(_ source: String, ignoringCase: Bool = false) throws(PatternError) {
    let length = source.unicodeScalars.count
    guard length <= Self.maximumLength else {
      throw PatternError(
        message: "the pattern has \(length) characters, and \(Self.maximumLength) are allowed",
        offset: Self.maximumLength)
    }
    self.source = source
    compiled = try CompiledPattern(source, ignoringCase: ignoringCase)
  }

  /// Whether the pattern matches the text from its first character to its last, final newline included.
  public func match(_ text: String) -> Match {
    guard text.utf8.count <= Self.maximumTextLength else { return .limitExceeded }
    return compiled.match(text)
  }
}

/// What a pattern says of a text.
public enum Match: Sendable, Equatable {
  case matches
  case differs
  /// Not decided: the text is too long, or the attempt took too many steps or too much memory. Never take it for either of
  /// the others: a rule that grants must not grant, and one that forbids must forbid.
  case limitExceeded
}

/// Why a source is not a pattern, for the admin who wrote it.
public struct PatternError: Error, Sendable, Equatable, CustomStringConvertible {
  /// In English, by PCRE2 for the most part.
  public let message: String
  /// How much of the source had been read when the fault was found, in Unicode scalars.
  public let offset: Int

  public var description: String { "at offset \(offset): \(message)" }
}
