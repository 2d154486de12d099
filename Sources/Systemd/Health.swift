/// How a process does, with a line about it for `systemctl status`.
public enum Health: Sendable, Equatable {
  /// Whatever is under way is within its time.
  case well(String)
  /// Something has not come to its end within the longest time that it may take.
  case stuck(String)

  /// What systemd is told of it. A process that is stuck is not to be kept alive, so the watchdog hears nothing then.
  /// - Parameter hasWatchdog: whether systemd waits for news.
  func notices(hasWatchdog: Bool) -> [Notice] {
    switch self {
    case .well(let text): (hasWatchdog ? [.watchdog] : []) + [.status(text)]
    case .stuck(let text): [.status("Stuck: " + text)]
    }
  }
}
