import CDispatch
import Concurrency
import Glibc

/// The threads of one worker process: those that serve, one that enforces deadlines, and the one that controls them.
///
/// Many processes may run a pool over the same listener. Signals are blocked in every thread, because libfcgi takes an
/// interrupted system call for the end of a stream; the control thread waits for them.
public final class WorkerPool: Sendable {
  /// How much a pool takes on, and how long it waits.
  public struct Options: Sendable {
    /// Requests that can be in flight at a time. At least 1.
    public var threads = 16
    /// How many bytes of body are read for any request; the handler may allow less.
    public var bodyLimit = Self.defaultBodyLimit
    /// 64 KiB.
    public static let defaultBodyLimit = 65_536
    /// How many requests with a body over the default limit may be there at a time, at least 1; the rest of another one stays
    /// unread until there is room, within `readingTimeout`. Anybody can send some, and each takes memory until it is answered.
    public var largeBodies = 4
    /// How many requests may wait for their turn at a time, where the handler lets them.
    public var waitingTurns = 256
    /// How long one may wait. It is offered its last turn at most a second later.
    public var turnTimeout: Duration = .seconds(3)
    /// How long a connection may stay silent before its request.
    public var idleTimeout: Duration = .seconds(10)
    /// How long a request may take to arrive, however it trickles in.
    public var readingTimeout: Duration = .seconds(10)
    /// How long the web server may take to read an answer.
    public var writingTimeout: Duration = .seconds(30)
    /// How long a thread may be at work on a request, or on writing its answer, before it counts as stuck. Longer than
    /// anything that it may wait for, `writingTimeout` included.
    public var stuckAfter: Duration = .seconds(60)
    /// How long requests in flight may take to end after SIGTERM.
    public var drainTimeout: Duration = .seconds(25)

    /// As the defaults have it.
    public init() {}
  }

  /// How a pool came to its end.
  public enum Outcome: Sendable, Equatable {
    /// Every request in flight was answered.
    case drained
    /// Some had not ended when the drain timeout passed.
    case abandoned(requests: Int)
  }

  /// Silent connections are given this long to send their request once a drain has begun.
  private static let drainGrace: Duration = .seconds(1)
  /// How long (µs) the threads go on accepting at least from a listener that ends with this process.
  private static let backlogGrace: UInt32 = 100_000
  /// Descriptors kept free of connections, for the database, the log and calls to other hosts.
  private static let reservedDescriptors = 64
  /// A thread may have a connection to each of a few other hosts.
  private static let reservedDescriptorsPerThread = 4
  private static let stackSize = 1 << 20
  private static let sweepInterval: Duration = .seconds(1)

  private let listener: ListenSocket
  private let options: Options
  private let handler: any RequestHandler
  private let connections: ConnectionSet
  private let runningThreads: Locked<Int>

  /// A pool that serves nothing yet. Throws a `SystemCallError` where the kernel gives it no epoll set.
  public init(
    listener: ListenSocket, options: Options = Options(), handler: any RequestHandler
  ) throws {
    self.listener = listener
    self.options = options
    self.handler = handler
    let deadlines = ConnectionSet.Deadlines(
      idle: options.idleTimeout, reading: options.readingTimeout, writing: options.writingTimeout,
      turn: options.turnTimeout)
    connections = try ConnectionSet(
      listener: listener.descriptor, capacity: Self.connectionCapacity(threads: options.threads),
      bodyLimit: options.bodyLimit, largeBodies: options.largeBodies,
      waitingTurns: options.waitingTurns, deadlines: deadlines)
    runningThreads = Locked(0)
  }

  private static func connectionCapacity(threads: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
    let descriptors = Int(clamping: limit.rlim_cur)
    let reserved = reservedDescriptors + reservedDescriptorsPerThread * threads
    return max(1, min(65_536, descriptors - reserved))
  }

  /// Blocks the signals that `run` waits for, in this thread and in those that it will start, and ignores SIGPIPE. Call it
  /// before the process has a second thread, or a signal may end the process by way of that one.
  public static func blockSignals() {
    signal(SIGPIPE, SIG_IGN)
    var signals = controlSignals()
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  private static func controlSignals() -> sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { sigaddset(&signals, number) }
    return signals
  }

  /// Serves until SIGTERM or SIGINT, then finishes what is in flight. Runs on the main thread, after `blockSignals`.
  /// `onHangUp` is called for each SIGHUP.
  public func run(onHangUp: () -> Void = {}) throws -> Outcome {
    try start()
    Self.waitForTermination(onHangUp: onHangUp)
    return drain()
  }

  /// Starts the threads. For a caller that waits for its own reason to stop; others call `run`.
  public func start() throws {
    try Exchange.initializeLibrary()
    for _ in 0..<options.threads {
      runningThreads.withLock { $0 += 1 }
      do { try startThread { self.serveUntilDrained() } } catch {
        runningThreads.withLock { $0 -= 1 }
        throw error
      }
    }
    try startThread { self.sweepUntilDrained() }
  }

  /// Returns on SIGTERM or SIGINT. On the main thread, after `blockSignals`. Calls `onHangUp` for each SIGHUP, and `onTick`
  /// each time that `interval` has passed, if there is one.
  public static func waitForTermination(
    onHangUp: () -> Void = {}, every interval: Duration? = nil, _ onTick: () -> Void = {}
  ) {
    var nextTick = interval.map { ContinuousClock.now + $0 }
    while true {
      switch nextSignal(before: nextTick) {
      case SIGTERM, SIGINT: return
      case SIGHUP: onHangUp()
      default: break
      }
      // Beside any signal: a stream of those must not hold up the ticks.
      if let interval, let due = nextTick, .now >= due {
        onTick()
        nextTick = .now + interval
      }
    }
  }

  /// The next signal's number, or -1 when `deadline` has come or the wait was interrupted.
  private static func nextSignal(before deadline: ContinuousClock.Instant?) -> Int32 {
    var signals = controlSignals()
    guard let deadline else { return sigwaitinfo(&signals, nil) }
    let rest = max(.zero, deadline - .now).components
    var time = timespec(tv_sec: Int(rest.seconds), tv_nsec: Int(rest.attoseconds / 1_000_000_000))
    return sigtimedwait(&signals, nil, &time)
  }

  /// How the threads do.
  public struct Vitals: Sendable, Equatable {
    /// How many there should be.
    public let threads: Int
    /// How many are at work on a request.
    public let busy: Int
    /// How many of those have been for longer than `Options.stuckAfter`.
    public let stuck: Int
    /// How many have ended though the pool has not.
    public let lost: Int

    public init(threads: Int, busy: Int, stuck: Int, lost: Int) {
      self.threads = threads
      self.busy = busy
      self.stuck = stuck
      self.lost = lost
    }
  }

  /// How the threads do, between `start` and `drain`.
  public func vitals(at now: ContinuousClock.Instant = .now) -> Vitals {
    let held = connections.held(longerThan: options.stuckAfter, at: now)
    return Vitals(
      threads: options.threads, busy: held.all, stuck: held.longer,
      lost: options.threads - runningThreads.withLock { $0 })
  }

  /// Stops accepting, lets the requests in flight end, and ends the threads. At most `drainTimeout`.
  public func drain() -> Outcome {
    let start = ContinuousClock.now
    // The path goes first, so that nobody connects to a listener that is about to close, and whoever did is served. A
    // shared listener is not ours to close: what waits in its backlog is for the next worker.
    if let path = listener.ownedPath {
      unlink(path)
      usleep(Self.backlogGrace)
      poll(every: 10_000) { !connections.hasBacklog || .now - start > options.drainTimeout }
    }
    connections.drain()
    let graceStart = ContinuousClock.now
    poll(every: 10_000) { connections.isQuiet || .now - graceStart > Self.drainGrace }
    connections.finish()
    poll(every: 10_000) {
      connections.sweep()
      return runningThreads.withLock { $0 } == 0 || .now - start > options.drainTimeout
    }
    let remaining = runningThreads.withLock { $0 }
    return remaining == 0 ? .drained : .abandoned(requests: remaining)
  }

  private func poll(every microseconds: UInt32, until isDone: () -> Bool) {
    while !isDone() { usleep(microseconds) }
  }

  // MARK: - Threads

  /// What a thread runs, in the form in which C passes it on.
  private final class ThreadBody {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }
  }

  private func startThread(_ run: @escaping @Sendable () -> Void) throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, Self.stackSize)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let body = Unmanaged.passRetained(ThreadBody(run))
    let code = pthread_create(
      &thread, &attributes,
      { context in
        guard let context else { return nil }
        Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      body.release()
      throw SystemCallError("pthread_create", code: code)
    }
  }

  private func serveUntilDrained() {
    let exchange = Exchange()
    while let connection = connections.next() {
      let othersWait =
        switch serve(connection, exchange) {
        case .waits: connections.setAside(connection)
        case .served where connection.reader.isBodyTooLarge:
          connections.closeAfterDiscarding(connection)
        case .served: connections.close(connection)
        }
      // Also for the one that was just set aside: what it waits for may have come meanwhile.
      if othersWait, handler.hasTurn { connections.giveTurn() }
    }
    runningThreads.withLock { $0 -= 1 }
  }

  /// Not the work of a serving thread: slow peers could hold all of those.
  private func sweepUntilDrained() {
    while connections.sleepWhileServing(Self.sweepInterval) { connections.sweep() }
  }

  private enum Service {
    case served, waits
  }

  private func serve(
    _ connection: ConnectionSet.Connection, _ exchange: Exchange
  ) -> Service {
    let turn = connections.beginHandling(connection)
    guard let parameters = exchange.begin(connection.reader, on: connection.descriptor) else {
      return .served
    }
    let body = Request.Body(
      connection.reader, announced: parameters["CONTENT_LENGTH"],
      limit: handler.bodyLimit(for: parameters))
    let request = Request(
      parameters: parameters, body: body, receivedAt: connection.completedAt ?? .now)
    guard let response = handler.respond(to: request, turn: turn) else {
      exchange.abandon()
      return .waits
    }
    connections.beginWriting(connection)
    if !exchange.finish(with: response) { handler.didNotDeliver(response, to: request) }
    return .served
  }
}
