import CLinux
import Concurrency

/// A request that lacks something which only some can have at a time waits here, where it costs no thread.
extension ConnectionSet {
  /// Notes that the application is at work on the request of a connection. Returns what it may do with it.
  func beginHandling(_ connection: Connection) -> Turn {
    state.withLock { state in
      note(.handling, connection, in: &state)
      guard let entry = state.entries[connection.descriptor], !entry.isLastTurn
      else { return .last }
      // Whoever has waited already keeps its place before those that come.
      if entry.waitingSince != nil { return .next }
      if state.setAside >= waitingTurns { return .turnedAway }
      return state.setAside > 0 ? .behindOthers : .next
    }
  }

  /// Keeps a request until `giveTurn`, or until it can wait no longer. Returns whether requests wait for their turn.
  func setAside(_ connection: Connection) -> Bool {
    state.withLock { state in
      let (descriptor, now) = (connection.descriptor, ContinuousClock.now)
      guard let entry = state.entries[descriptor] else { return state.setAside > 0 }
      state.entries[descriptor]?.phase = .waiting
      state.entries[descriptor]?.since = now
      state.entries[descriptor]?.waitingSince = entry.waitingSince ?? now
      state.entries[descriptor]?.isSetAside = true
      state.entries[descriptor]?.isClaimed = false
      state.setAside += 1
      return state.setAside > 0
    }
  }

  /// Lets a thread go on with the request that has waited longest.
  func giveTurn() {
    state.withLock { state in
      guard state.setAside > 0 else { return }
      let waiting = state.entries.filter(\.value.isSetAside)
      guard let (next, entry) = waiting.min(by: { waitsLonger($0.value, $1.value) }) else { return }
      giveTurn(to: next, isLast: isOverdue(entry, at: .now), in: &state)
    }
  }

  private func waitsLonger(_ left: Entry, _ right: Entry) -> Bool {
    (left.waitingSince ?? .now) < (right.waitingSince ?? .now)
  }

  func isOverdue(_ entry: Entry, at now: ContinuousClock.Instant) -> Bool {
    entry.waitingSince.map { now - $0 > deadlines.turn } ?? false
  }

  func giveTurn(to descriptor: Int32, isLast: Bool, in state: inout State) {
    guard let entry = state.entries[descriptor], entry.isSetAside else { return }
    state.entries[descriptor]?.isSetAside = false
    state.entries[descriptor]?.isLastTurn = isLast
    state.setAside -= 1
    // It can be written to, so that some thread is told of it at once.
    if !arm(entry.connection, for: shim_epollout, in: &state) { remove(descriptor, from: &state) }
  }
}
