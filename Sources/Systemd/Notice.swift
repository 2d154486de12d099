/// What systemd can be told.
public enum Notice: Sendable, Equatable {
  /// The start is over.
  case ready
  /// The end has begun.
  case stopping
  /// This process is not stuck; see `WatchdogSec=` in systemd.service(5).
  case watchdog
  /// A line for `systemctl status`.
  case status(String)

  /// As sd_notify(3) has it.
  var line: String {
    switch self {
    case .ready: "READY=1"
    case .stopping: "STOPPING=1"
    case .watchdog: "WATCHDOG=1"
    // A line break would begin another notice.
    case .status(let text):
      "STATUS=" + text.map { $0.isNewline ? " " : String($0) }.joined()
    }
  }
}
