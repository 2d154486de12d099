import Glibc

extension ConnectionSet {
  /// A connection and what has arrived on it. Only the thread that has claimed it reads; the lock hands it over.
  final class Connection: @unchecked Sendable {
    let descriptor: Int32
    let serial: UInt32
    var reader: RequestReader

    init(descriptor: Int32, serial: UInt32, bodyLimit: Int) {
      self.descriptor = descriptor
      self.serial = serial
      reader = RequestReader(bodyLimit: bodyLimit)
    }

    /// Whether it is one of those that may have a large body. Changed by the thread that has claimed it.
    private var mayBeLarge = false

    /// When all of the request was there; nil before.
    private(set) var completedAt: ContinuousClock.Instant?

    /// Whether the request has been answered, and nothing more of it is of interest.
    private var isDiscarding = false
    /// How far `receive` came.
    enum Reception {
      case incomplete, complete, refused
      /// There are as many large bodies as may be. The rest of this one stays unread.
      case lacksRoom
    }

    /// How often a thread reads what it throws away, 16 KiB each time, before it looks after others.
    private static let discardedAtOnce = 64

    /// Forgets the request; from now on what arrives is thrown away.
    func beginDiscarding() {
      isDiscarding = true
      reader = RequestReader(bodyLimit: 0)
    }

    private func discard() -> Reception {
      withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
        for _ in 0..<Self.discardedAtOnce {
          let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
          if count < 0, errno == EINTR { continue }
          if count < 0, errno == EAGAIN { return .incomplete }
          guard count > 0 else { return .refused }
        }
        return .incomplete
      }
    }

    /// Reads what has arrived, without waiting for more. `mayGrow` says whether it may be one of those with a large body.
    func receive(mayGrow: () -> Bool) -> Reception {
      if isDiscarding { return discard() }
      // It has waited for its turn.
      if completedAt != nil { return .complete }
      return withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
        while true {
          if !mayBeLarge, reader.body.count > WorkerPool.Options.defaultBodyLimit {
            mayBeLarge = mayGrow()
            guard mayBeLarge else { return .lacksRoom }
          }
          let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
          if count < 0, errno == EINTR { continue }
          if count < 0, errno == EAGAIN { return .incomplete }
          guard count > 0 else { return .refused }
          switch reader.take(buffer.prefix(count)) {
          case .incomplete: continue
          case .complete:
            completedAt = .now
            return .complete
          case .refused: return .refused
          }
        }
      }
    }
  }
}
