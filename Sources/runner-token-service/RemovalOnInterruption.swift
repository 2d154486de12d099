import Foundation
import Storage

/// Removes a file and ends the program when it is told to end, for as long as this object is there.
///
/// The signals are held back from the thread that makes it, which must be the one that lets it go; those of libdispatch take
/// none by themselves. None is lost: what comes before `begin` takes effect then, and what comes at the very end afterwards.
final class RemovalOnInterruption {
  private var before = sigset_t()

  /// Holds back the signals.
  init() {
    var signals = Interruption.signals
    pthread_sigmask(SIG_BLOCK, &signals, &before)
  }

  deinit {
    pthread_sigmask(SIG_SETMASK, &before, nil)
  }

  /// From here on they have their effect, on this file. Its thread stays as long as the program, which such a signal ends in
  /// any case.
  func begin(path: String) {
    Thread.detachNewThread {
      var signals = Interruption.signals
      var number: Int32 = 0
      // It fails for signals that there are not.
      guard sigwait(&signals, &number) == 0 else { return }
      unlink(path)
      _exit(128 + number)
    }
  }
}
