import Foundation
import Glibc

/// Questions to somebody at a terminal.
enum Prompt {
  /// Whether there is somebody.
  static var isPossible: Bool { isatty(STDIN_FILENO) == 1 }

  /// Asks until there is an answer, or an empty one where that will do. nil at the end of the input.
  static func ask(_ question: SetupQuestion, known: String?) -> String? {
    let fallback = known ?? question.suggestion
    let shown = fallback.map { question.isSecret ? " [as it is]" : " [\($0.visible)]" } ?? ""
    while true {
      write("\(question.text)\(shown): ")
      let answer = question.isSecret ? readSecret() : readLine()
      guard let answer = answer?.trimmingCharacters(in: .whitespaces) else { return nil }
      if !answer.isEmpty { return answer }
      if let fallback { return fallback }
      if !question.isRequired { return "" }
    }
  }

  /// Anything but yes is no.
  static func isConfirmed(_ question: String) -> Bool {
    write("\(question) [y/N]: ")
    return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
  }

  private static func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// A line that the terminal does not show.
  private static func readSecret() -> String? {
    var state = termios()
    guard tcgetattr(STDIN_FILENO, &state) == 0 else { return nil }
    var silent = state
    silent.c_lflag &= ~tcflag_t(ECHO)
    // Not one that would be shown after all.
    guard tcsetattr(STDIN_FILENO, TCSADRAIN, &silent) == 0 else { return nil }
    defer {
      tcsetattr(STDIN_FILENO, TCSADRAIN, &state)
      write("\n")
    }
    return readLine()
  }
}
