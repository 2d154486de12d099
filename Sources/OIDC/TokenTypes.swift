import StrictJSON

/// Which `typ` a token's header may have. Tokens of other kinds (logout tokens, security events) come from the same
/// issuer under the same keys, and must not pass for ours (RFC 8725 section 3.11).
public enum TokenTypes: Sendable, Equatable {
  /// None, `JWT`, or `at+jwt` (RFC 9068).
  case standard
  /// One of these, and never none.
  case only([String])

  func accept(_ type: String?) -> Bool {
    guard let type else { return self == .standard }
    let accepted =
      switch self {
      case .standard: ["jwt", "at+jwt"]
      case .only(let types): types.map(Self.canonical)
      }
    return accepted.contains { $0.hasSameUTF8(as: Self.canonical(type)) }
  }

  /// Media types compare without regard to case, and `application/` may be left out (RFC 7515 section 4.1.9).
  private static func canonical(_ type: String) -> String {
    let type = type.lowercased()
    let prefix = "application/"
    return type.hasPrefix(prefix) ? String(type.dropFirst(prefix.count)) : type
  }
}
