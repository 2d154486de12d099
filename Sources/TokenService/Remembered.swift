import Concurrency
import Foundation
import GitHub

/// What GitHub said, for a minute. One thread asks at a time; those that want to know meanwhile wait for its answer.
final class Remembered<Value: Sendable>: Sendable {
  private static var lifetime: TimeInterval { 60 }

  private let now: @Sendable () -> Date
  private let known = Locked<(value: Value, at: Date)?>(nil)
  private let fetches = SingleFlight<Value, GitHubError>()

  init(now: @escaping @Sendable () -> Date) {
    self.now = now
  }

  /// What is known, or what `fetch` returns. A failure is not remembered.
  func value(_ fetch: () throws(GitHubError) -> Value) throws(GitHubError) -> Value {
    if let value = freshValue() { return value }
    return try fetches.run { () throws(GitHubError) in
      if let value = freshValue() { return value }
      let value = try fetch()
      known.withLock { $0 = (value, now()) }
      return value
    }
  }

  private func freshValue() -> Value? {
    let now = now()
    return known.withLock { known in
      guard let known, (0..<Self.lifetime).contains(now.timeIntervalSince(known.at)) else {
        return nil
      }
      return known.value
    }
  }
}
