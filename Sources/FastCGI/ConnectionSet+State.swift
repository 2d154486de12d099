extension ConnectionSet {
  /// What a connection is about, as far as deadlines go.
  enum Phase {
    /// Nothing of a request has arrived.
    case silent
    /// Part of a request has.
    case arriving
    /// The application works on the answer; its own deadlines hold.
    case handling
    /// The application has let it wait for its turn: set aside, or on its way to a thread.
    case waiting
    /// A thread writes the answer.
    case writing
    /// The answer is written, and what still comes of the request is thrown away.
    case discarding
  }

  struct Deadlines: Sendable {
    /// How long a connection may stay silent before its request.
    var idle: Duration
    /// How long a request may take to arrive, however it trickles in.
    var reading: Duration
    /// How long the web server may take to read an answer.
    var writing: Duration
    /// How long a request may wait for its turn.
    var turn: Duration
  }

  struct Entry {
    let connection: Connection
    /// Whether a thread has it. Otherwise it waits in epoll, or for room.
    var isClaimed = true
    var phase = Phase.silent
    var since = ContinuousClock.now
    /// When a thread took it or last went on with it.
    var claimedSince = ContinuousClock.now
    /// Whether its body counts as a large one.
    var isLarge = false
    /// Whether it is left unread until another large body is done with. It is not in epoll then.
    var lacksRoom = false

    /// Since when it has waited for its turn, be it set aside or not; nil if it never had to.
    var waitingSince: ContinuousClock.Instant?
    /// Whether it is set aside until it is given a turn. It is not in epoll then.
    var isSetAside = false
    /// Whether it can wait no longer.
    var isLastTurn = false

    var isInEpoll: Bool { !isClaimed && !lacksRoom && !isSetAside }
  }

  struct State {
    var entries: [Int32: Entry] = [:]
    var nextSerial: UInt32 = 1
    var isListening = true
    var isDraining = false
    var isFinished = false
    var largeBodies = 0
    /// How many requests are set aside.
    var setAside = 0

    /// Whether a connection waits in epoll. The thread that makes room for one outside of it looks here afterwards.
    var hasWaiting: Bool { entries.values.contains(where: \.isInEpoll) }
  }

  /// What the thread that holds a connection does next. Starts the deadline for it.
  func note(_ phase: Phase, _ connection: Connection, in state: inout State) {
    let now = ContinuousClock.now
    state.entries[connection.descriptor]?.phase = phase
    state.entries[connection.descriptor]?.since = now
    state.entries[connection.descriptor]?.claimedSince = now
  }
}
