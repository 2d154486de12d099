import Foundation

/// A write-ahead log that cannot be copied back.
public struct BlockedCheckpoint: Sendable, Equatable {
  /// In bytes.
  public let logSize: Int
  /// In words, for the log.
  public let cause: String
}

/// When to wait for readers again, after one that did not go away: all writers stand behind whoever waits.
///
/// The processes share it, as a note in the lock's file, so that they do not wait one after the other.
struct CheckpointBackoff: Equatable {
  private static let longest: Duration = .seconds(60)

  /// In a row, of those who waited.
  private(set) var failures = 0
  /// On the clock that counts from the machine's start.
  private var last: Duration = .zero

  init() {}

  /// Anything but what `text` makes stands for no failure.
  init(_ text: String) {
    let numbers = text.split(separator: " ").compactMap { Int64($0) }
    guard numbers.count == 2, (1...1000).contains(numbers[0]), numbers[1] >= 0 else { return }
    failures = Int(numbers[0])
    last = .milliseconds(numbers[1])
  }

  var text: String { "\(failures) \(Int64(last / .milliseconds(1)))" }

  func mayWait(at now: Moment) -> Bool {
    guard failures > 0 else { return true }
    let delay = min(.seconds(1 << min(failures - 1, 10)), Self.longest)
    // A failure that is still to come was noted before the machine started anew.
    return last > now.sinceStart || now.sinceStart - last >= delay
  }

  func failed(at now: Moment) -> CheckpointBackoff {
    var next = self
    next.failures = min(failures + 1, 1000)
    next.last = now.sinceStart
    return next
  }

  /// A time that all processes of the machine read alike, and that nobody sets.
  struct Moment {
    let sinceStart: Duration

    static var now: Moment {
      var time = timespec()
      clock_gettime(CLOCK_BOOTTIME, &time)
      return Moment(sinceStart: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
    }
  }
}
