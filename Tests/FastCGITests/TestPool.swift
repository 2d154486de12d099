import Concurrency
import Foundation
import Testing

@testable import FastCGI

/// The suites of this target share what is one per process: libfcgi's state, signal dispositions, the descriptor table.
/// Therefore they run one after the other, as parts of this one.
@Suite(.serialized) enum FastCGITests {}

/// A handler made of closures, which keeps what it was asked.
final class TestHandler: RequestHandler {
  let requests = Locked<[Request]>([])
  let undelivered = Locked<[Response]>([])
  private let limit: Int
  private let answer: @Sendable (Request) -> Response

  /// Without `answer`: echoes the body.
  init(limit: Int = 64 * 1024, answer: @escaping @Sendable (Request) -> Response = TestHandler.echo)
  {
    self.limit = limit
    self.answer = answer
  }

  @Sendable static func echo(_ request: Request) -> Response {
    switch request.body {
    case .complete(let bytes): Response(status: 200, body: bytes)
    case .tooLarge: Response(status: 413)
    case .malformed: Response(status: 400)
    }
  }

  func bodyLimit(for parameters: Parameters) -> Int { limit }

  func respond(to request: Request) -> Response {
    requests.withLock { $0.append(request) }
    return answer(request)
  }

  func didNotDeliver(_ response: Response, to request: Request) {
    undelivered.withLock { $0.append(response) }
  }

  var requestCount: Int { requests.withLock { $0.count } }
}

/// A pool in this process, on a socket in a directory of its own.
final class TestPool {
  let path: String
  let handler: TestHandler
  let pool: WorkerPool
  private let directory: TemporaryDirectory
  private let listener: ListenSocket

  init(
    threads: Int = 4, handler: TestHandler = TestHandler(),
    configure: (inout WorkerPool.Options) -> Void = { _ in }
  ) throws {
    directory = try TemporaryDirectory()
    path = directory.path + "/fcgi.sock"
    self.handler = handler
    listener = try ListenSocket.bound(to: path)
    var options = WorkerPool.Options()
    options.threads = threads
    configure(&options)
    pool = try WorkerPool(listener: listener, options: options, handler: handler)
    try pool.start()
  }

  deinit { close(listener.descriptor) }

  func connect() throws -> Client { try Client(path: path) }

  /// Sends `bytes` on a connection of their own and reads what comes back.
  func exchange(_ bytes: [UInt8]) throws -> Answer {
    let client = try connect()
    client.send(bytes)
    return try client.readToEnd()
  }

  /// Whether the pool still answers a plain request.
  func isAlive() throws -> Bool { try exchange(Record.get()).status == "Status: 200 OK" }

  /// The sockets under our path that are open in the kernel: the listener and the pool's ends of connections.
  /// The table is read in pieces while others change it, so ask more than once.
  func openSockets() throws -> Int {
    // Foundation reads such a file only as far as its first page.
    let table = open("/proc/net/unix", O_RDONLY | O_CLOEXEC)
    defer { close(table) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = read(table, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
    let lines = bytes.split(separator: UInt8(ascii: "\n"))
    return lines.count { $0.suffix(path.utf8.count).elementsEqual(path.utf8) }
  }
}

/// Runs `body` with a pool, then drains it. No connection may be left.
func withPool(
  threads: Int = 4, handler: TestHandler = TestHandler(),
  configure: (inout WorkerPool.Options) -> Void = { _ in }, _ body: (TestPool) throws -> Void
) throws {
  let pool = try TestPool(threads: threads, handler: handler, configure: configure)
  do { try body(pool) } catch {
    _ = pool.pool.drain()
    throw error
  }
  #expect(pool.pool.drain() == .drained)
  #expect(try eventually { try pool.openSockets() == 1 })
}

/// A directory that goes with the value. Its path is short, as socket paths must be.
final class TemporaryDirectory {
  let path = "/tmp/\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Waits for something that another thread brings about. The bound is there to end a hang.
func eventually(within seconds: Double = 20, _ condition: () throws -> Bool) rethrows -> Bool {
  let start = ContinuousClock.now
  while try !condition() {
    guard .now - start < .seconds(seconds) else { return false }
    usleep(5_000)
  }
  return true
}

/// Runs `body` on this many threads at once and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let group = DispatchGroup()
  for index in 0..<count {
    group.enter()
    Thread.detachNewThread {
      body(index)
      group.leave()
    }
  }
  group.wait()
}

/// Starts a thread. `wait` on the result returns when it has ended.
func startThread(_ body: @escaping @Sendable () -> Void) -> DispatchGroup {
  let group = DispatchGroup()
  group.enter()
  Thread.detachNewThread {
    body()
    group.leave()
  }
  return group
}
