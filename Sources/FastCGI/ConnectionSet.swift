import CLinux
import Concurrency
import Glibc

/// The listener and every open connection of a process. The pool's threads wait on it together, so that a connection
/// without a request costs a descriptor and not a thread.
///
/// A connection belongs either to the set (`waiting` in epoll, one-shot) or to the one thread that claimed it. Only the
/// set closes descriptors, and only under its lock: otherwise a deadline could hit a number that has since been given
/// to somebody else.
final class ConnectionSet: Sendable {
  /// A connection in the hands of one thread.
  struct Connection {
    let descriptor: Int32
    fileprivate let serial: UInt32
  }

  /// What a claimed connection is busy with, as far as deadlines go.
  enum Phase {
    /// In epoll, not readable yet.
    case waiting
    /// A thread reads the request.
    case reading
    /// The application works on the answer; its own deadlines hold.
    case handling
    /// A thread writes the answer.
    case writing
  }

  struct Deadlines: Sendable {
    /// How long a connection may stay silent before its request.
    var idle: Duration
    /// How long a request may take to arrive, however it trickles in.
    var reading: Duration
    /// How long the web server may take to read an answer.
    var writing: Duration
  }

  private struct Entry {
    let serial: UInt32
    var phase: Phase
    var since: ContinuousClock.Instant
  }

  private struct State {
    var entries: [Int32: Entry] = [:]
    var nextSerial: UInt32 = 1
    var isListening = true
    var isDraining = false
    var isFinished = false

    var hasWaiting: Bool { entries.values.contains { $0.phase == .waiting } }
  }

  private let listener: Int32
  private let epoll: Int32
  private let wakeUp: Int32
  private let capacity: Int
  private let deadlines: Deadlines
  private let state = Locked(State())

  private static let listenerTag: UInt64 = .max
  private static let wakeUpTag: UInt64 = .max - 1

  /// `capacity`: how many connections may be open at a time.
  init(listener: Int32, capacity: Int, deadlines: Deadlines) throws {
    self.listener = listener
    self.capacity = capacity
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

  /// Waits for a connection that has something to read and hands it to the caller, who must `close` it in the end.
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
        if state.withLock({ $0.isFinished && !$0.hasWaiting }) { return nil }
      case Self.listenerTag:
        if let connection = accept(), isReadable(connection) { return connection }
      case let tag:
        if let connection = claim(tag), isReadable(connection) { return connection }
      }
    }
  }

  /// Notes what the thread that holds `connection` does next, and starts the deadline for it.
  func enter(_ phase: Phase, _ connection: Connection) {
    state.withLock {
      $0.entries[connection.descriptor]?.phase = phase
      $0.entries[connection.descriptor]?.since = .now
    }
  }

  /// Ends a connection.
  func close(_ connection: Connection) {
    state.withLock {
      remove(connection.descriptor, from: &$0)
      if !$0.isListening, !$0.isDraining { $0.isListening = listen() }
    }
  }

  // MARK: - For the control thread

  /// Ends connections that outstayed their deadline. A thread that reads or writes one sees its end and lets go.
  func sweep(now: ContinuousClock.Instant = .now) {
    state.withLock { state in
      for (descriptor, entry) in state.entries {
        let age = now - entry.since
        switch entry.phase {
        case .waiting where age > deadlines.idle: removeIfSilent(descriptor, from: &state)
        case .reading where age > deadlines.reading: shutdown(descriptor, Int32(SHUT_RDWR))
        case .writing where age > deadlines.writing: shutdown(descriptor, Int32(SHUT_RDWR))
        default: break
        }
      }
      if !state.isListening, !state.isDraining { state.isListening = listen() }
    }
  }

  /// Stops accepting. Connections that are open stay welcome, since their requests are on the way.
  func drain() {
    state.withLock {
      $0.isDraining = true
      $0.isListening = false
      _ = control(EPOLL_CTL_DEL, listener, 0, 0)
    }
  }

  /// Whether no connection waits for its request. Threads may still hold some.
  var isQuiet: Bool {
    state.withLock { !$0.hasWaiting }
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
      for (descriptor, entry) in state.entries where entry.phase == .waiting {
        removeIfSilent(descriptor, from: &state)
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
      let descriptor = accept4(listener, nil, nil, shim_sock_cloexec)
      guard descriptor >= 0 else {
        // No descriptor left in the process or the system: listen again when one is closed or at the next sweep.
        if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) { park(&state) }
        return nil
      }
      let connection = Connection(descriptor: descriptor, serial: state.nextSerial)
      state.nextSerial &+= 1
      state.entries[descriptor] = Entry(serial: connection.serial, phase: .reading, since: .now)
      return connection
    }
  }

  /// At capacity the connection that has waited longest makes room if it is silent; otherwise the rest of the world
  /// waits in the kernel's backlog.
  private func makeRoom(in state: inout State) -> Bool {
    guard state.entries.count >= capacity else { return true }
    let waiting = state.entries.filter { $0.value.phase == .waiting }
    guard let oldest = waiting.min(by: { $0.value.since < $1.value.since }),
      removeIfSilent(oldest.key, from: &state)
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
      guard let entry = state.entries[descriptor], entry.serial == serial, entry.phase == .waiting
      else { return nil }
      state.entries[descriptor] = Entry(serial: serial, phase: .reading, since: .now)
      return Connection(descriptor: descriptor, serial: serial)
    }
  }

  /// Whether a request begins on this connection. Otherwise it is put (back) into epoll, or ended.
  private func isReadable(_ connection: Connection) -> Bool {
    switch RecordHeader.peek(connection.descriptor) {
    case .beginRequest: return true
    case .nothingYet:
      if wait(for: connection) { return false }
    case .foreign: break
    }
    close(connection)
    return false
  }

  private func wait(for connection: Connection) -> Bool {
    state.withLock { state in
      guard !state.isFinished else { return false }
      let tag = UInt64(connection.serial) << 32 | UInt64(connection.descriptor)
      let events = shim_epollin | shim_epolloneshot
      // Known already where it had been reported and turned out to have nothing to read.
      guard
        control(EPOLL_CTL_ADD, connection.descriptor, events, tag)
          || errno == EEXIST && control(EPOLL_CTL_MOD, connection.descriptor, events, tag)
      else { return false }
      state.entries[connection.descriptor]?.phase = .waiting
      return true
    }
  }

  /// Ends a connection that waits, unless its request has arrived and only lacks a thread.
  @discardableResult
  private func removeIfSilent(_ descriptor: Int32, from state: inout State) -> Bool {
    guard RecordHeader.peek(descriptor) != .beginRequest else { return false }
    remove(descriptor, from: &state)
    return true
  }

  private func remove(_ descriptor: Int32, from state: inout State) {
    guard state.entries.removeValue(forKey: descriptor) != nil else { return }
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
