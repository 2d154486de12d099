/// A PCRE2 pattern that is matched against whole texts, within limits.
///
/// Immutable, and so safe to use from any thread. Texts are compared as the UTF-8 that they are, without Unicode
/// normalisation; `\d`, `\s`, `\w` and `[[:alpha:]]` mean ASCII unless the source begins with `(*UCP)`.
public struct Pattern: Sendable {
  /// Of a source, in Unicode scalars.
  public static let maximumLength = 256
  /// Of a text, in bytes. A longer one is not looked at.
  public static let maximumTextLength = 4096

  /// What sources and texts are made of, and with it what is the same letter in another case.
  public enum Alphabet: Sendable {
    /// Any text. `k` is also the kelvin sign, U+212A, where case is ignored, and `s` the long s, U+017F.
    case unicode
    /// A source with any other character is refused, also one written as an escape, and a text with any other differs. So
    /// no range of foreign characters covers `k` and `s` by way of their case.
    case ascii
  }

  /// As it was written.
  public let source: String
  private let alphabet: Alphabet
  private let compiled: CompiledPattern

  /// Compiles a pattern. Throws for one that is too long, malformed or too large when compiled, and for `\C`, which matches
  /// single bytes of a character.
  public init(
    _ source: String, ignoringCase: Bool = false, alphabet: Alphabet = .unicode
  ) throws(PatternError) {
    let length = source.unicodeScalars.count
    guard length <= Self.maximumLength else {
      throw PatternError(
        message: "the pattern has \(length) characters, and \(Self.maximumLength) are allowed",
        offset: Self.maximumLength)
    }
    if alphabet == .ascii,
      let foreign = source.unicodeScalars.enumerated().first(where: { !$0.element.isASCII })
    {
      throw PatternError(
        message: "the pattern has a character that is not ASCII", offset: foreign.offset)
    }
    self.source = source
    self.alphabet = alphabet
    compiled = try CompiledPattern(source, ignoringCase: ignoringCase, alphabet: alphabet)
  }

  /// Whether the pattern matches the text from its first character to its last, final newline included.
  public func match(_ text: String) -> Match {
    guard text.utf8.count <= Self.maximumTextLength else { return .limitExceeded }
    guard alphabet == .unicode || text.utf8.allSatisfy({ $0 < 0x80 }) else { return .differs }
    return compiled.match(text)
  }
}

/// What a pattern says of a text.
public enum Match: Sendable, Equatable {
  /// The whole text matches.
  case matches
  /// The whole text does not match, though a part of it may.
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
