import CLinux
import Concurrency
import Glibc

/// The listener and every open connection of a process. The pool's threads wait on it together, so that a connection
/// costs a descriptor until its request is there, and a thread only then.
///
/// A connection belongs either to the set, waiting in epoll (one-shot) or for room, or to the one thread that claimed it. Only the set
/// closes descriptors, and only under its lock: otherwise a deadline could hit a number that has since been given to
/// somebody else.
final class ConnectionSet: Sendable {
  private let listener: Int32
  private let epoll: Int32
  private let wakeUp: Int32
  private let capacity: Int
  private let bodyLimit: Int
  let largeBodies: Int
  let waitingTurns: Int
  let deadlines: Deadlines
  let state = Locked(State())

  /// More connections than threads that can have been woken for one each and found the set draining.
  private static let wakeUpsToHonour = 16

  /// How many open connections show that requests take long.
  private static let connectionsWhenBusy = 8

  /// How often (µs) a thread looks, at the end, whether a request that was set aside has its turn.
  private static let lastTurnsInterval: UInt32 = 5_000

  private static let listenerTag: UInt64 = .max
  private static let wakeUpTag: UInt64 = .max - 1

  /// - Parameters:
  ///   - listener: a listening socket that does not block; others may share it.
  ///   - capacity: how many connections may be open at a time.
  ///   - bodyLimit: how many bytes of a body are read at most.
  ///   - largeBodies: how many bodies may be over the default limit at a time.
  ///   - waitingTurns: how many requests may wait for their turn at a time.
  ///   - deadlines: how long a connection may take for what.
  init(
    listener: Int32, capacity: Int, bodyLimit: Int, largeBodies: Int, waitingTurns: Int,
    deadlines: Deadlines
  ) throws {
    self.listener = listener
    self.capacity = capacity
    self.bodyLimit = bodyLimit
    self.largeBodies = largeBodies
    self.waitingTurns = waitingTurns
    self.deadlines = deadlines
    epoll = epoll_create1(shim_epoll_cloexec)
    guard epoll >= 0 else { throw SystemCallError("epoll_create1") }
    wakeUp = eventfd(0, shim_eventfd_flags)
    guard wakeUp >= 0 else { throw SystemCallError("eventfd") }
    guard control(EPOLL_CTL_ADD, wakeUp, shim_epollin, Self.wakeUpTag), listen() else {
      throw SystemCallError("epoll_ctl")
    }
  }

  deinit {
    Glibc.close(epoll)
    Glibc.close(wakeUp)
  }

  // MARK: - For the pool's threads

  /// Waits for a connection on which a request is complete and hands it to the caller, who must `close` it in the end.
  /// Returns nil once the set is drained.
  func next() -> Connection? {
    while true {
      var event = epoll_event()
      let count = epoll_wait(epoll, &event, 1, -1)
      guard count == 1 else {
        if count < 0, errno != EINTR { return nil }
        continue
      }
      switch event.data.u64 {
      case Self.wakeUpTag:
        let (mayEnd, mustStay) = state.withLock {
          ($0.isFinished && !$0.hasWaiting, $0.setAside > 0)
        }
        if mayEnd, !mustStay { return nil }
        // Those that are set aside get their turns still. What woke us does not go away.
        if mayEnd { usleep(Self.lastTurnsInterval) }
      case Self.listenerTag:
        if let connection = accept(), hasRequest(connection) { return connection }
      case let tag:
        if let connection = claim(tag), hasRequest(connection) { return connection }
      }
    }
  }

  /// Notes that the thread that holds `connection` writes the answer, and starts the deadline for it.
  func beginWriting(_ connection: Connection) {
    state.withLock { note(.writing, connection, in: &$0) }
  }

  /// Ends a connection. Returns whether requests wait for their turn.
  @discardableResult
  func close(_ connection: Connection) -> Bool {
    state.withLock {
      remove(connection.descriptor, from: &$0)
      if !$0.isListening, !$0.isDraining { $0.isListening = listen() }
      return $0.setAside > 0
    }
  }

  /// Ends a connection whose request was answered before all of it had been read, once the web server has sent the rest or has
  /// hung up. Closed before, the connection would be reset: the web server then takes the answer for broken off, or loses it.
  ///
  /// Returns whether requests wait for their turn.
  func closeAfterDiscarding(_ connection: Connection) -> Bool {
    connection.beginDiscarding()
    shutdown(connection.descriptor, Int32(SHUT_WR))
    let othersWait = state.withLock { state in
      note(.discarding, connection, in: &state)
      releaseLargeBody(connection.descriptor, in: &state)
      return state.setAside > 0
    }
    _ = hasRequest(connection)
    return othersWait
  }

  // MARK: - For the control thread

  /// Ends connections that outstayed their deadline. A thread that writes to one sees its end and lets go.
  func sweep(now: ContinuousClock.Instant = .now) {
    state.withLock { state in
      for (descriptor, entry) in state.entries {
        let age = now - entry.since
        switch entry.phase {
        case .silent where !entry.isClaimed && age > deadlines.idle:
          removeIfNothingWaits(descriptor, from: &state)
        case .arriving where !entry.isClaimed && age > deadlines.reading * 3:
          remove(descriptor, from: &state)
        case .arriving where !entry.isClaimed && age > deadlines.reading:
          // The rest may have arrived, and only a thread be missing.
          removeIfNothingWaits(descriptor, from: &state)
        case .waiting where entry.isSetAside && isOverdue(entry, at: now):
          giveTurn(to: descriptor, isLast: true, in: &state)
        case .discarding where age > deadlines.reading, .writing where age > deadlines.writing:
          shutdown(descriptor, Int32(SHUT_RDWR))
        default: break
        }
      }
      if !state.isListening, !state.isDraining { state.isListening = listen() }
    }
  }

  /// How many connections threads hold, and how many of those no thread has gone on with for longer than `limit`.
  func held(
    longerThan limit: Duration, at now: ContinuousClock.Instant
  ) -> (all: Int, longer: Int) {
    state.withLock { state in
      let held = state.entries.values.filter(\.isClaimed)
      return (held.count, held.count { now - $0.claimedSince > limit })
    }
  }

  /// Stops accepting. Connections that are open stay welcome, since their requests are on the way.
  func drain() {
    state.withLock { state in
      state.isListening = false
      _ = control(EPOLL_CTL_DEL, listener, 0, 0)
      // The kernel may have woken us for a connection, and nobody else: take what is there, as far as it may be that.
      for _ in 0..<Self.wakeUpsToHonour {
        guard let connection = admit(to: &state) else { break }
        if !arm(connection, in: &state) { remove(connection.descriptor, from: &state) }
      }
      state.isDraining = true
    }
  }

  /// Whether no connection waits for its request, or is just being read from. Threads may still hold some.
  var isQuiet: Bool {
    state.withLock { state in
      !state.entries.values.contains { $0.phase == .silent || $0.phase == .arriving }
    }
  }

  /// Whether connections wait to be accepted.
  var hasBacklog: Bool {
    var pending = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    return poll(&pending, 1, 0) > 0
  }

  /// Sleeps for `duration`, or until `finish`. Returns whether the set still serves.
  func sleepWhileServing(_ duration: Duration) -> Bool {
    var finished = pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)
    return poll(&finished, 1, Int32(duration / .milliseconds(1))) <= 0
  }

  /// Ends the connections that stayed silent, and sends the threads home once every request is answered that has
  /// arrived.
  func finish() {
    state.withLock { state in
      state.isFinished = true
      for (descriptor, entry) in state.entries where !entry.isClaimed {
        if entry.phase != .waiting { removeIfNothingWaits(descriptor, from: &state) }
      }
    }
    // Never read, so that every thread sees it, in turn with the connections that are left.
    var one: UInt64 = 1
    write(wakeUp, &one, MemoryLayout.size(ofValue: one))
  }

  // MARK: - Under the lock

  private func accept() -> Connection? {
    state.withLock { (state: inout State) -> Connection? in
      guard !state.isDraining, makeRoom(in: &state) else { return nil }
      letOthersAccept(in: &state)
      return admit(to: &state)
    }
  }

  /// Goes behind the other processes that share the listener. The kernel wakes the first of those that have an idle thread:
  /// without this one process would get whatever it can take, and have its requests wait for their turn beside idle ones.
  private func letOthersAccept(in state: inout State) {
    // Of short requests there are never so many, and for those it would take longer than it is worth.
    guard state.isListening, state.entries.count >= Self.connectionsWhenBusy else { return }
    _ = control(EPOLL_CTL_DEL, listener, 0, 0)
    state.isListening = listen()
  }

  private func admit(to state: inout State) -> Connection? {
    let descriptor = accept4(listener, nil, nil, shim_sock_cloexec)
    guard descriptor >= 0 else {
      // No descriptor left in the process or the system: listen again when one is closed or at the next sweep.
      if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) { park(&state) }
      return nil
    }
    let connection = Connection(
      descriptor: descriptor, serial: state.nextSerial, bodyLimit: bodyLimit)
    state.nextSerial &+= 1
    state.entries[descriptor] = Entry(connection: connection)
    return connection
  }

  /// At capacity the connection that has waited longest makes room if it is silent; otherwise the rest of the world
  /// waits in the kernel's backlog.
  private func makeRoom(in state: inout State) -> Bool {
    guard state.entries.count >= capacity else { return true }
    let waiting = state.entries.filter { $0.value.isInEpoll && $0.value.phase != .waiting }
    guard let oldest = waiting.min(by: { $0.value.since < $1.value.since }),
      removeIfNothingWaits(oldest.key, from: &state)
    else {
      park(&state)
      return false
    }
    return true
  }

  private func park(_ state: inout State) {
    guard state.isListening else { return }
    state.isListening = false
    _ = control(EPOLL_CTL_DEL, listener, 0, 0)
  }

  private func claim(_ tag: UInt64) -> Connection? {
    let descriptor = Int32(truncatingIfNeeded: tag & 0xFFFF_FFFF)
    let serial = UInt32(truncatingIfNeeded: tag >> 32)
    return state.withLock { (state: inout State) -> Connection? in
      guard let entry = state.entries[descriptor], entry.connection.serial == serial,
        !entry.isClaimed
      else { return nil }
      state.entries[descriptor]?.isClaimed = true
      state.entries[descriptor]?.claimedSince = .now
      return entry.connection
    }
  }

  /// Reads on. Returns whether the request is complete; otherwise the connection is put (back) into epoll, or ended.
  private func hasRequest(_ connection: Connection) -> Bool {
    switch connection.receive(mayGrow: { mayGrow(connection) }) {
    case .complete: return true
    case .incomplete where wait(for: connection): return false
    case .lacksRoom where waitForRoom(connection): return false
    case .incomplete, .lacksRoom, .refused: break
    }
    close(connection)
    return false
  }

  private func wait(for connection: Connection) -> Bool {
    state.withLock { state in
      guard !state.isFinished else { return false }
      if !connection.reader.isEmpty { noteArrival(on: connection.descriptor, in: &state) }
      return arm(connection, in: &state)
    }
  }

  func noteArrival(on descriptor: Int32, in state: inout State) {
    guard state.entries[descriptor]?.phase == .silent else { return }
    state.entries[descriptor]?.phase = .arriving
    state.entries[descriptor]?.since = .now
  }

  /// Gives a connection to epoll. Returns false, and the connection stays the caller's, where that fails.
  /// `events`: what it is reported for.
  func arm(
    _ connection: Connection, for events: UInt32 = shim_epollin, in state: inout State
  ) -> Bool {
    let tag = UInt64(connection.serial) << 32 | UInt64(connection.descriptor)
    let events = events | shim_epolloneshot
    // Known already where it has been reported before.
    guard
      control(EPOLL_CTL_ADD, connection.descriptor, events, tag)
        || errno == EEXIST && control(EPOLL_CTL_MOD, connection.descriptor, events, tag)
    else { return false }
    // Whoever it is reported to must take the lock, which we hold, to claim it.
    state.entries[connection.descriptor]?.isClaimed = false
    return true
  }

  /// Ends a connection that waits, unless something has arrived on it and only lacks a thread.
  @discardableResult
  private func removeIfNothingWaits(_ descriptor: Int32, from state: inout State) -> Bool {
    var byte: UInt8 = 0
    guard recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) <= 0 else {
      return false
    }
    remove(descriptor, from: &state)
    return true
  }

  func remove(_ descriptor: Int32, from state: inout State) {
    releaseLargeBody(descriptor, in: &state)
    guard let entry = state.entries.removeValue(forKey: descriptor) else { return }
    if entry.isSetAside { state.setAside -= 1 }
    Glibc.close(descriptor)
  }

  private func listen() -> Bool {
    // Exclusive: a connection wakes one process of those that share the listener, not all.
    control(EPOLL_CTL_ADD, listener, shim_epollin | shim_epollexclusive, Self.listenerTag)
  }

  private func control(_ operation: Int32, _ descriptor: Int32, _ events: UInt32, _ tag: UInt64)
    -> Bool
  {
    var event = epoll_event()
    event.events = events
    event.data.u64 = tag
    return epoll_ctl(epoll, operation, descriptor, &event) == 0
  }
}
