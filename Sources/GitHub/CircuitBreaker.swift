import Concurrency

/// Spares a host that is down, and those who would wait for it: after some failures in a row nobody asks it, until one
/// request, the probe, has found it well again. A pure state machine; times are of a clock that never steps.
struct Circuit: Sendable {
  static let failuresToOpen = 5
  static let firstPause: Duration = .seconds(10)
  static let longestPause: Duration = .seconds(120)
  /// For how long after a pause it is believed that the host is down.
  static let newsLife: Duration = .seconds(10)

  /// What a request has shown about the host.
  enum Outcome: Sendable {
    case working
    case failing
    /// Nothing: the request was given up for a reason of ours.
    case unknown
  }

  /// The leave to send one request.
  struct Pass: Sendable {
    let isProbe: Bool
    fileprivate let period: Int
  }

  struct Refusal: Error {
    /// Until the next probe.
    let retryAfter: Duration
  }

  private enum State {
    case closed(failures: Int)
    case open(until: Duration, pause: Duration)
    case probing(pause: Duration)
  }

  private var state = State.closed(failures: 0)
  /// Counts the changes of state. What a request of a former period shows is no longer news.
  private var period = 0

  mutating func enter(at now: Duration) throws(Refusal) -> Pass {
    switch state {
    case .closed: return Pass(isProbe: false, period: period)
    case .open(let until, _) where now < until: throw Refusal(retryAfter: until - now)
    case .open(let until, _) where now >= until + Self.newsLife:
      // Nobody has asked for so long that its state is not known any more: all may, and one failure opens it again.
      change(to: .closed(failures: Self.failuresToOpen - 1))
      return Pass(isProbe: false, period: period)
    case .open(_, let pause):
      change(to: .probing(pause: pause))
      return Pass(isProbe: true, period: period)
    case .probing: throw Refusal(retryAfter: .seconds(1))
    }
  }

  mutating func leave(_ pass: Pass, _ outcome: Outcome, at now: Duration) {
    guard pass.period == period else { return }
    switch (state, outcome) {
    case (.closed, .working):
      state = .closed(failures: 0)
    case (.closed(let failures), .failing) where failures + 1 < Self.failuresToOpen:
      state = .closed(failures: failures + 1)
    case (.closed, .failing):
      change(to: .open(until: now + Self.firstPause, pause: Self.firstPause))
    case (.probing, .working):
      change(to: .closed(failures: 0))
    case (.probing(let pause), .failing):
      let pause = min(pause * 2, Self.longestPause)
      change(to: .open(until: now + pause, pause: pause))
    case (.probing(let pause), .unknown):
      change(to: .open(until: now, pause: pause))
    case (.closed, .unknown), (.open, _):
      break
    }
  }

  private mutating func change(to state: State) {
    self.state = state
    period += 1
  }
}

/// A circuit that the threads of a process share.
final class CircuitBreaker: Sendable {
  private let circuit = Locked(Circuit())
  private let uptime: @Sendable () -> Duration

  init(uptime: @escaping @Sendable () -> Duration) {
    self.uptime = uptime
  }

  /// Throws `unavailable` with the seconds until the next probe where the host is known to be down.
  func enter() throws(GitHubError) -> Circuit.Pass {
    let now = uptime()
    do {
      return try circuit.withLock { circuit throws(Circuit.Refusal) in try circuit.enter(at: now) }
    } catch {
      throw .unavailable(
        "it failed several times in a row and is not asked before the next probe",
        mayHaveActed: false, retryAfter: error.retryAfter.wholeSeconds)
    }
  }

  func leave(_ pass: Circuit.Pass, _ outcome: Circuit.Outcome) {
    let now = uptime()
    circuit.withLock { $0.leave(pass, outcome, at: now) }
  }
}

extension Duration {
  /// Rounded up.
  fileprivate var wholeSeconds: Int {
    Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0)
  }
}
