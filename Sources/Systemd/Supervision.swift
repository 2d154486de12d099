/// Keeps whoever supervises this process up to date. Where nobody does, nothing happens.
///
/// For one thread: the one that waits for signals.
public final class Supervision {
  /// What `systemctl status` shows is no older than this.
  private static let longestInterval: Duration = .seconds(10)

  private let socket: NotificationSocket?
  private let hasWatchdog: Bool
  private let complain: (String) -> Void
  /// What was complained of last, so that it is said once and not at each turn.
  private var complaint: String?

  /// How often to `report`; nil where nobody listens.
  public let interval: Duration?

  /// - Parameters:
  ///   - environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are looked at.
  ///   - processID: of this process: a watchdog may be meant for another.
  ///   - complain: is told once that this process is stuck, or that news cannot be sent.
  /// - Throws: where `NOTIFY_SOCKET` cannot be an address. systemd would wait for news in vain.
  public init(
    environment: [String: String], processID: Int32,
    complain: @escaping (String) -> Void
  ) throws(NotificationSocket.Failure) {
    self.complain = complain
    guard let address = environment["NOTIFY_SOCKET"], !address.isEmpty else {
      socket = nil
      hasWatchdog = false
      interval = nil
      return
    }
    socket = try NotificationSocket(address: address)
    let watchdogTime = WatchdogTime.read(from: environment, processID: processID)
    hasWatchdog = watchdogTime != nil
    // One that is late by a whole turn is not yet too late.
    interval = min(Self.longestInterval, watchdogTime.map { $0 / 3 } ?? Self.longestInterval)
  }

  /// The start is over.
  public func ready(_ text: String) {
    complain(unlessSent: [.ready, .status(text)])
  }

  /// The end has begun, and takes its time.
  public func stopping(_ text: String) {
    complain(unlessSent: [.stopping, .status(text)])
  }

  /// To be called every `interval`. Once it says that this process is stuck, and keeps saying so, systemd ends it.
  public func report(_ health: @autoclosure () -> Health) {
    guard socket != nil else { return }
    let health = health()
    let failure = send(health.notices(hasWatchdog: hasWatchdog))
    switch health {
    case .stuck(let text): complain(once: "stuck: " + text)
    case .well: complain(once: failure)
    }
  }

  private func complain(unlessSent notices: [Notice]) {
    complain(once: send(notices))
  }

  private func complain(once text: String?) {
    if let text, text != complaint { complain(text) }
    complaint = text
  }

  /// Returns why not, if they could not be sent.
  private func send(_ notices: [Notice]) -> String? {
    do {
      try socket?.send(notices)
      return nil
    } catch {
      return "systemd cannot be told: \(error)"
    }
  }
}
