import Concurrency
import Dispatch
import Glibc
import Testing

@testable import FastCGI

extension FastCGITests {
  /// How a pool ends.
  struct DrainTests {
    @Test func `an idle pool is drained at once and its path is gone`() throws {
      let pool = try TestPool()
      #expect(try pool.isAlive())
      #expect(pool.pool.drain() == .drained)
      #expect(access(pool.path, F_OK) == -1)
      #expect(throws: ClientError.self) { try pool.connect() }
    }

    @Test func `a silent connection does not keep a pool from ending`() throws {
      let pool = try TestPool(configure: { $0.drainTimeout = .seconds(20) })
      let silent = try pool.connect()
      #expect(try eventually { try pool.openSockets() == 2 })
      let start = ContinuousClock.now
      #expect(pool.pool.drain() == .drained)
      #expect(.now - start < .seconds(10))
      #expect(try silent.readToEnd().isEmpty)
      #expect(try eventually { try pool.openSockets() == 1 })
    }

    @Test func `requests in flight are all answered`() throws {
      let handler = TestHandler { _ in
        usleep(300_000)
        return Response(status: 200)
      }
      let pool = try TestPool(threads: 8, handler: handler)
      let clients = try (0..<8).map { _ in try pool.connect() }
      for client in clients { client.send(Record.get()) }
      #expect(eventually { handler.requestCount == 8 })
      #expect(pool.pool.drain() == .drained)
      for client in clients { #expect(try client.readToEnd().status == "Status: 200 OK") }
    }

    /// Some wait in the pool, some in the listener's backlog, and all for longer than the grace for silent connections.
    @Test func `requests that wait for a free thread are all answered`() throws {
      let handler = TestHandler { _ in
        usleep(400_000)
        return Response(status: 200)
      }
      let pool = try TestPool(threads: 2, handler: handler)
      let early = try (0..<6).map { _ in try pool.connect() }
      #expect(try eventually { try pool.openSockets() == 7 })
      for client in early { client.send(Record.get()) }
      let late = try (0..<6).map { _ in try pool.connect() }
      for client in late { client.send(Record.get()) }
      #expect(pool.pool.drain() == .drained)
      for client in early + late { #expect(try client.readToEnd().status == "Status: 200 OK") }
      #expect(handler.requestCount == 12)
    }

    @Test func `a request that arrives on an open connection during the drain is answered`() throws
    {
      let pool = try TestPool()
      let clients = try (0..<8).map { _ in try pool.connect() }
      #expect(try eventually { try pool.openSockets() == 9 })
      let outcome = Locked<WorkerPool.Outcome?>(nil)
      let worker = pool.pool
      let drain = startThread {
        let result = worker.drain()
        outcome.withLock { $0 = result }
      }
      // The path goes first, so the drain has begun.
      #expect(eventually { access(pool.path, F_OK) == -1 })
      for client in clients { client.send(Record.get()) }
      for client in clients { #expect(try client.readToEnd().status == "Status: 200 OK") }
      drain.wait()
      #expect(outcome.withLock { $0 } == .drained)
    }

    @Test func `a handler that hangs is abandoned after the drain timeout`() throws {
      let gate = Locked(false)
      let handler = TestHandler { request in
        if request.parameters.requestURI == "/hang" {
          _ = eventually { gate.withLock { $0 } }
        }
        return Response(status: 200)
      }
      let pool = try TestPool(handler: handler, configure: { $0.drainTimeout = .milliseconds(500) })
      let clients = try (0..<2).map { _ in try pool.connect() }
      for client in clients { client.send(Record.get("/hang")) }
      #expect(eventually { handler.requestCount == 2 })
      #expect(pool.pool.drain() == .abandoned(requests: 2))
      // The threads are still there and let go when they can.
      gate.withLock { $0 = true }
      for client in clients { #expect(try client.readToEnd().status == "Status: 200 OK") }
      #expect(try eventually { try pool.openSockets() == 1 })
    }

    @Test func `a request that never arrives whole does not outlast its deadline in a drain`()
      throws
    {
      let pool = try TestPool(
        threads: 1,
        configure: {
          $0.readingTimeout = .milliseconds(300)
          $0.drainTimeout = .seconds(20)
        })
      let stuck = try pool.connect()
      stuck.send(Record.begin())
      usleep(100_000)
      #expect(pool.pool.drain() == .drained)
      #expect(try stuck.readToEnd().isEmpty)
    }
  }
}
