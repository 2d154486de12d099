extension String {
  /// This JSON text with escapes for what JSON allows to stand as it is and a terminal or a reader might act on: DEL, C1
  /// controls, line and paragraph separators, and the characters that have no width or turn the direction of text. Such a
  /// character can only stand inside a string of a JSON text, so the escape means the same.
  public func escapingInvisibleInJSON() -> String {
    if utf8.allSatisfy({ $0 < 0x7F }) { return self }
    // Bytes, because a view of a string is copied with each text that is appended to it.
    var escaped: [UInt8] = []
    escaped.reserveCapacity(utf8.count)
    for scalar in unicodeScalars {
      guard scalar.isInvisible else {
        if scalar.isASCII {
          escaped.append(UInt8(ascii: scalar))
        } else {
          escaped.append(contentsOf: scalar.utf8)
        }
        continue
      }
      for unit in scalar.utf16 {
        let digits = String(unit, radix: 16)
        let zeros = String(repeating: "0", count: 4 - digits.count)
        escaped.append(contentsOf: "\\u\(zeros)\(digits)".utf8)
      }
    }
    return String(decoding: escaped, as: UTF8.self)
  }
}

extension String {
  /// Whether it stands as it is between the quotes of a JSON text: printable ASCII without quotes and backslashes.
  public var isPlainInJSON: Bool {
    utf8.allSatisfy { byte in
      (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isInvisible: Bool {
    switch value {
    case ..<0x7F: false
    case 0x7F...0x9F, 0x2028...0x2029, 0x2800: true
    default: properties.isDefaultIgnorableCodePoint || properties.generalCategory == .format
    }
  }
}
