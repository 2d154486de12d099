import CPCRE2

/// The code of a pattern and the limits of each match.
///
/// PCRE2 only reads both once they are made, so any number of threads may match at a time (pcre2api, "Multithreading"). The
/// interpreter is used and not the JIT compiler, which needs memory that is both writable and executable.
final class CompiledPattern: @unchecked Sendable {
  /// Steps of backtracking. Each may look at the whole of the text, hence the limit on its length. A source can lower these
  /// limits by `(*LIMIT_MATCH=)` and the like, not raise them.
  private static let matchLimit: UInt32 = 20_000
  private static let depthLimit: UInt32 = 5_000
  private static let heapLimitInKiB: UInt32 = 1024

  /// The ends of the match are options, as anything written around the source could be undone by what is in it. Likewise `$`
  /// is the end of the text and not also the place before a final newline.
  private static let options =
    PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C

  private let code: OpaquePointer
  private let limits: OpaquePointer

  init(
    _ source: String, ignoringCase: Bool, alphabet: Pattern.Alphabet
  ) throws(PatternError) {
    let bytes = Array(source.utf8)
    var error: Int32 = 0
    var offset = 0
    // Without UTF no character above 255 exists, and none of the rest is an ASCII letter in another case.
    let characters = alphabet == .ascii ? PCRE2_NEVER_UTF : PCRE2_UTF
    let options = Self.options | characters | (ignoringCase ? PCRE2_CASELESS : 0)
    guard let code = pcre2_compile_8(bytes, bytes.count, options, &error, &offset, nil) else {
      throw PatternError(code: error, byteOffset: offset, in: bytes)
    }
    guard let limits = pcre2_match_context_create_8(nil) else {
      pcre2_code_free_8(code)
      throw PatternError(message: "out of memory", offset: 0)
    }
    pcre2_set_match_limit_8(limits, Self.matchLimit)
    pcre2_set_depth_limit_8(limits, Self.depthLimit)
    pcre2_set_heap_limit_8(limits, Self.heapLimitInKiB)
    self.code = code
    self.limits = limits
  }

  deinit {
    pcre2_match_context_free_8(limits)
    pcre2_code_free_8(code)
  }

  func match(_ text: String) -> Match {
    // Room for one pair of offsets, which nobody reads: the answer is in the return value.
    guard let data = pcre2_match_data_create_8(1, nil) else { return .limitExceeded }
    defer { pcre2_match_data_free_8(data) }
    let bytes = Array(text.utf8)
    let result = pcre2_match_8(code, bytes, bytes.count, 0, 0, data, limits)
    // Zero when there were more groups than room for their offsets.
    if result >= 0 { return .matches }
    // Every other error leaves it open whether the pattern matches.
    return result == PCRE2_ERROR_NOMATCH ? .differs : .limitExceeded
  }
}

extension PatternError {
  fileprivate init(code: Int32, byteOffset: Int, in source: [UInt8]) {
    // "A 120-code-unit buffer is ample" (pcre2api).
    var text = [UInt8](repeating: 0, count: 256)
    let length = pcre2_get_error_message_8(code, &text, text.count)
    message =
      length >= 0 ? String(decoding: text[..<Int(length)], as: UTF8.self) : "error \(code)"
    offset = String(decoding: source.prefix(byteOffset), as: UTF8.self).unicodeScalars.count
  }
}
