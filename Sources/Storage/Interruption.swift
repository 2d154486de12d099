public import Glibc

/// The signals by which somebody ends a program: Ctrl-C, `kill`, a terminal that is closed.
public enum Interruption {
  /// All of them.
  public static var signals: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    return signals
  }

  /// Runs `body` to its end. A signal that comes meanwhile takes effect afterwards.
  ///
  /// It is held back from the calling thread. Those of libdispatch take none by themselves; in a program with other threads of
  /// its own, those must be kept from them too.
  public static func postponed<Result>(during body: () throws -> Result) rethrows -> Result {
    var signals = signals
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    return try body()
  }
}
