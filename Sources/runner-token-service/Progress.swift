import Foundation
import Glibc

/// How far long work has come, on standard error and only where that is a terminal: `Verifying  42% [########            ]`.
final class Progress {
  private static let width = 30
  private static let interval: Duration = .milliseconds(100)

  private let title: String
  private let isShown: Bool
  private var lastShown: ContinuousClock.Instant?

  init(_ title: String, isShown: Bool = isatty(STDERR_FILENO) == 1) {
    self.title = title
    self.isShown = isShown
  }

  deinit {
    clear()
  }

  /// Shows that `done` of `total` is done, now and then.
  func show(_ done: Int, of total: Int) {
    guard isDue else { return }
    let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
    let bar = String(repeating: "#", count: Int(share * Double(Self.width)))
      .padding(toLength: Self.width, withPad: " ", startingAt: 0)
    write("\r\(title) \(Int(share * 100))% [\(bar)] \(done)\u{1B}[K")
  }

  /// The same where nobody knows how much there is.
  func show(_ done: Int) {
    if isDue { write("\r\(title) \(done)\u{1B}[K") }
  }

  /// Takes the line away, so that others can be printed.
  func clear() {
    if lastShown != nil { write("\r\u{1B}[K") }
    lastShown = nil
  }

  private var isDue: Bool {
    guard isShown else { return false }
    let now = ContinuousClock.now
    if let lastShown, now - lastShown < Self.interval { return false }
    lastShown = now
    return true
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
