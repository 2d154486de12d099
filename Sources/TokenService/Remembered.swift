import Concurrency
import Foundation
import GitHub

/// What GitHub said, for a minute. One thread asks at a time; while it does, the others get what was said before it, or
/// are told to come back: a GitHub that hangs must not hold all threads.
final class Remembered<Value: Sendable>: Sendable {
  private static var lifetime: TimeInterval { 60 }

  private struct State {
    var known: (value: Value, at: Date)?
    var isFetching = false
  }

  private enum Turn {
    case known(Value)
    case fetch
  }

  private let now: @Sendable () -> Date
  private let state = Locked(State())

  init(now: @escaping @Sendable () -> Date) {
    self.now = now
  }

  /// What is known, or what `fetch` returns. A failure is not remembered. Throws `tooManyWaiting` while another thread asks
  /// for what nobody knows.
  func value(_ fetch: () throws(GitHubError) -> Value) throws(GitHubError) -> Value {
    switch try turn() {
    case .known(let value): return value
    case .fetch:
      do throws(GitHubError) {
        let value = try fetch()
        state.withLock { $0 = State(known: (value, now())) }
        return value
      } catch {
        state.withLock { $0.isFetching = false }
        throw error
      }
    }
  }

  private func turn() throws(GitHubError) -> Turn {
    let now = now()
    return try state.withLock { (state) throws(GitHubError) in
      if let known = state.known,
        state.isFetching || (0..<Self.lifetime).contains(now.timeIntervalSince(known.at))
      {
        return .known(known.value)
      }
      guard !state.isFetching else { throw .tooManyWaiting }
      state.isFetching = true
      return .fetch
    }
  }
}
