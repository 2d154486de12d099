extension String {
  /// This text with another in the place of each of these scalars, for quoting and escaping.
  ///
  /// `replacing` compares what readers take for characters, and a quote that bears an accent is another character than a
  /// quote. To a shell, a spreadsheet or a browser it is a quote and then an accent.
  public func replacing(scalars replacements: [Unicode.Scalar: String]) -> String {
    var replaced = UnicodeScalarView()
    for scalar in unicodeScalars {
      if let replacement = replacements[scalar] {
        replaced.append(contentsOf: replacement.unicodeScalars)
      } else {
        replaced.append(scalar)
      }
    }
    return String(replaced)
  }

  /// This text as one word of a POSIX shell, whatever is in it.
  public var quotedForShell: String { "'" + replacing(scalars: ["'": "'\\''"]) + "'" }
}
