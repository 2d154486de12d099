import Foundation
import Glibc

/// How text looks where people read it.
enum Terminal {
  /// Whether standard output is a terminal that may show colour (no-color.org).
  private static let hasColour =
    isTerminal && (environment["NO_COLOR"] ?? "").isEmpty
    && environment["TERM"] != "dumb"

  /// Whether standard output is one.
  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Empties the screen (ECMA-48).
  static let clear = "\u{1B}[H\u{1B}[2J"

  private static var environment: [String: String] { ProcessInfo.processInfo.environment }

  static func bold(_ text: String) -> String { styled(text, "1") }
  static func good(_ text: String) -> String { styled(text, "32") }
  static func bad(_ text: String) -> String { styled(text, "1;31") }

  private static func styled(_ text: String, _ style: String) -> String {
    hasColour ? "\u{1B}[\(style)m\(text)\u{1B}[0m" : text
  }
}
