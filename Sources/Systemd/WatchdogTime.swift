/// How long systemd waits for news before it takes a process for dead.
enum WatchdogTime {
  /// From `WATCHDOG_USEC` and `WATCHDOG_PID`, as sd_watchdog_enabled(3) reads them; nil where nobody waits for this process.
  static func read(from environment: [String: String], processID: Int32) -> Duration? {
    guard let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init), microseconds > 0
    else { return nil }
    // The variables are inherited, and meant for one process.
    if let owner = environment["WATCHDOG_PID"], owner != String(processID) { return nil }
    return .microseconds(microseconds)
  }
}
