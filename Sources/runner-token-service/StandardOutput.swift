import ArgumentParser
import Glibc

/// What `print` writes to.
enum StandardOutput {
  /// From here on the program does not end as if all was well where what it printed is lost, as on a full disk: it says
  /// so, and ends with status 1.
  static func expectToBeWritten() {
    atexit {
      guard fflush(nil) != 0 else { return }
      Diagnostic.print("standard output cannot be written: \(String(cString: strerror(errno)))")
      _exit(ExitCode.failure.rawValue)
    }
  }
}
