import Concurrency

/// Anybody can send some large bodies, and each takes memory until it is answered: only so many have room at a time.
extension ConnectionSet {
  /// Makes a connection one of those with a large body. Returns false where there are as many as may be.
  func mayGrow(_ connection: Connection) -> Bool {
    state.withLock { state in
      // It may have been given a place while it waited for one.
      if state.entries[connection.descriptor]?.isLarge == true { return true }
      guard state.largeBodies < largeBodies else { return false }
      state.largeBodies += 1
      state.entries[connection.descriptor]?.isLarge = true
      return true
    }
  }

  /// Leaves the rest of a large body where it is, in the socket, until there is room or its deadline has come. No thread and
  /// no more memory than a small body's is spent on it, and the web server need not be told to send it once more: it sends no
  /// request twice.
  func waitForRoom(_ connection: Connection) -> Bool {
    state.withLock { state in
      let descriptor = connection.descriptor
      noteArrival(on: descriptor, in: &state)
      // Room may have been made since it was refused.
      guard state.largeBodies >= largeBodies else {
        giveRoom(to: descriptor, in: &state)
        return arm(connection, in: &state)
      }
      state.entries[descriptor]?.lacksRoom = true
      state.entries[descriptor]?.isClaimed = false
      return true
    }
  }

  private func giveRoom(to descriptor: Int32, in state: inout State) {
    state.largeBodies += 1
    state.entries[descriptor]?.isLarge = true
    state.entries[descriptor]?.lacksRoom = false
  }

  func releaseLargeBody(_ descriptor: Int32, in state: inout State) {
    guard state.entries[descriptor]?.isLarge == true else { return }
    state.entries[descriptor]?.isLarge = false
    state.largeBodies -= 1
    // Who has waited longest is next.
    let waiting = state.entries.filter { $0.value.lacksRoom }
    guard let (next, entry) = waiting.min(by: { $0.value.since < $1.value.since }) else { return }
    giveRoom(to: next, in: &state)
    if !arm(entry.connection, in: &state) { remove(next, from: &state) }
  }
}
