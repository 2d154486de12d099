import Concurrency
import Dispatch
import Foundation
import Testing

@testable import FastCGI

extension FastCGITests {
  /// Requests for something that only some can have at a time wait for their turn without a thread.
  struct TurnTests {
    /// Has places, of which a request for `/place` needs one until `gate` lets it go. Anything else is echoed.
    private final class Places: RequestHandler {
      let gate = DispatchSemaphore(value: 0)
      let taken = Locked(0)
      /// The bodies of the requests in the order in which they had a place, and of those that were refused one.
      let served = Locked<[[UInt8]]>([])
      let refused = Locked<[[UInt8]]>([])
      /// When each was there, as it was told at each offer.
      let arrivals = Locked<[[UInt8]: Set<ContinuousClock.Instant>]>([:])
      /// How often a request was told to wait.
      let told = Locked(0)
      private let places: Int

      init(_ places: Int) {
        self.places = places
      }

      var hasTurn: Bool { taken.withLock { $0 < places } }

      func respond(to request: Request) -> Response { Response(status: 500) }

      func respond(to request: Request, turn: Turn) -> Response? {
        guard case .complete(let body) = request.body, body.first != 0 else {
          return TestHandler.echo(request)
        }
        arrivals.withLock { _ = $0[body, default: []].insert(request.receivedAt) }
        let hasPlace =
          turn.comesNext
          && taken.withLock { taken in
            guard taken < places else { return false }
            taken += 1
            return true
          }
        guard hasPlace else {
          guard !turn.mayWait else {
            told.withLock { $0 += 1 }
            return nil
          }
          refused.withLock { $0.append(body) }
          return Response(status: 503)
        }
        served.withLock { $0.append(body) }
        gate.wait()
        taken.withLock { $0 -= 1 }
        return Response(status: 200, body: body)
      }
    }

    private final class Pool {
      let places: Places
      let pool: WorkerPool
      private let directory: TemporaryDirectory
      private let listener: ListenSocket
      private let ownsListener: Bool

      /// `other`: whose socket it shares; nil for one of its own.
      init(
        threads: Int, places: Int, besides other: Pool? = nil,
        configure: (inout WorkerPool.Options) -> Void = { _ in }
      ) throws {
        directory = try other?.directory ?? TemporaryDirectory()
        listener = try other?.listener ?? ListenSocket.bound(to: directory.path + "/fcgi.sock")
        ownsListener = other == nil
        self.places = Places(places)
        var options = WorkerPool.Options()
        options.threads = threads
        options.turnTimeout = .seconds(60)
        configure(&options)
        pool = try WorkerPool(listener: listener, options: options, handler: self.places)
        try pool.start()
      }

      deinit { if ownsListener { close(listener.descriptor) } }

      /// Sends a request for a place.
      func ask(_ number: Int) throws -> Client {
        let client = try Client(path: directory.path + "/fcgi.sock")
        client.send(Record.post([UInt8(number)]))
        return client
      }

      /// Whether a request that needs no place is answered.
      func isAlive() throws -> Bool {
        let client = try Client(path: directory.path + "/fcgi.sock")
        client.send(Record.post([0, 1, 2]))
        return try client.readToEnd().body == [0, 1, 2]
      }
    }

    @Test
    func `far more than there are threads are all answered, one after the other as they came`()
      throws
    {
      let pool = try Pool(threads: 2, places: 1)
      let clients = try (1...50).map { number in
        let client = try pool.ask(number)
        // Each is where it belongs before the next one comes.
        try #require(
          eventually {
            pool.places.told.withLock { $0 } + pool.places.served.withLock { $0.count }
              == number
          })
        return client
      }
      // They hold no thread.
      #expect(try pool.isAlive())
      for client in clients {
        pool.places.gate.signal()
        #expect(try client.readToEnd().status == "Status: 200 OK")
      }
      #expect(pool.places.served.withLock { $0 } == (1...50).map { [UInt8($0)] })
      #expect(pool.places.refused.withLock { $0.isEmpty })
      // Which is when it arrived, not when it had its turn.
      #expect(
        pool.places.arrivals.withLock { $0.values.map(\.count) } == .init(repeating: 1, count: 50))
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `several that have places at a time let as many go on`() throws {
      let pool = try Pool(threads: 6, places: 4)
      let clients = try (1...40).map { try pool.ask($0) }
      try #require(eventually { pool.places.served.withLock { $0.count } == 4 })
      #expect(try pool.isAlive())
      for _ in clients { pool.places.gate.signal() }
      for client in clients { #expect(try client.readToEnd().status == "Status: 200 OK") }
      #expect(Set(pool.places.served.withLock { $0 }) == Set((1...40).map { [UInt8($0)] }))
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `one more than may wait is refused at once`() throws {
      let pool = try Pool(threads: 2, places: 1) { $0.waitingTurns = 2 }
      let held = try pool.ask(1)
      try #require(eventually { pool.places.served.withLock { $0.count } == 1 })
      let waiting = try (2...3).map { number in
        let client = try pool.ask(number)
        try #require(eventually { pool.places.told.withLock { $0 } == number - 1 })
        return client
      }
      #expect(try pool.ask(4).readToEnd().status?.hasPrefix("Status: 503") == true)
      for client in [held] + waiting {
        pool.places.gate.signal()
        #expect(try client.readToEnd().status == "Status: 200 OK")
      }
      #expect(pool.places.refused.withLock { $0 } == [[4]])
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `who has waited long enough is refused, and who has the place keeps it`() throws {
      let pool = try Pool(threads: 2, places: 1) { $0.turnTimeout = .milliseconds(100) }
      let held = try pool.ask(1)
      try #require(eventually { pool.places.served.withLock { $0.count } == 1 })
      let waiting = try (2...5).map { try pool.ask($0) }
      for client in waiting {
        #expect(try client.readToEnd().status?.hasPrefix("Status: 503") == true)
      }
      #expect(pool.places.served.withLock { $0 } == [[1]])
      pool.places.gate.signal()
      #expect(try held.readToEnd().body == [1])
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `a worker that ends answers those that wait for their turn too`() throws {
      let pool = try Pool(threads: 2, places: 1)
      let held = try pool.ask(1)
      try #require(eventually { pool.places.served.withLock { $0.count } == 1 })
      let waiting = try pool.ask(2)
      try #require(eventually { pool.places.told.withLock { $0 } == 1 })
      let outcome = Locked<WorkerPool.Outcome?>(nil)
      let draining = startThread { [pool = pool.pool] in
        outcome.withLock { $0 = pool.drain() }
      }
      for _ in 0..<2 { pool.places.gate.signal() }
      #expect(try held.readToEnd().body == [1])
      #expect(try waiting.readToEnd().body == [2])
      draining.wait()
      #expect(outcome.withLock { $0 } == .drained)
    }

    @Test func `a worker that ends refuses whoever has waited long enough, without a place for it`()
      throws
    {
      let pool = try Pool(threads: 2, places: 1) { $0.turnTimeout = .milliseconds(300) }
      let held = try pool.ask(1)
      try #require(eventually { pool.places.served.withLock { $0.count } == 1 })
      let waiting = try pool.ask(2)
      try #require(eventually { pool.places.told.withLock { $0 } == 1 })
      let draining = startThread { [pool = pool.pool] in _ = pool.drain() }
      #expect(try waiting.readToEnd().status?.hasPrefix("Status: 503") == true)
      pool.places.gate.signal()
      #expect(try held.readToEnd().body == [1])
      draining.wait()
    }

    @Test func `requests that take long are shared out among those who listen`() throws {
      let first = try Pool(threads: 50, places: 50)
      let second = try Pool(threads: 50, places: 50, besides: first)
      let pools = [first, second]
      let clients = try (1...40).map { number in
        let client = try first.ask(number)
        try #require(
          eventually { pools.map { $0.places.served.withLock { $0.count } }.reduce(0, +) == number }
        )
        return client
      }
      // By itself, the first one in the kernel's queue gets all of them.
      for pool in pools { #expect(pool.places.served.withLock { $0.count } >= 12) }
      for pool in pools { for _ in clients { pool.places.gate.signal() } }
      for client in clients { #expect(try client.readToEnd().status == "Status: 200 OK") }
      // Whoever owns the socket takes its path away, and the other one need not wait for what is in it.
      #expect(second.pool.drain() == .drained)
      #expect(first.pool.drain() == .drained)
    }

    @Test func `a web server that has gone meanwhile keeps nobody else from a turn`() throws {
      let pool = try Pool(threads: 2, places: 1)
      let held = try pool.ask(1)
      try #require(eventually { pool.places.served.withLock { $0.count } == 1 })
      do {
        _ = try pool.ask(2)
        try #require(eventually { pool.places.told.withLock { $0 } == 1 })
      }
      let waiting = try pool.ask(3)
      try #require(eventually { pool.places.told.withLock { $0 } == 2 })
      for _ in 0..<3 { pool.places.gate.signal() }
      #expect(try held.readToEnd().body == [1])
      #expect(try waiting.readToEnd().body == [3])
      #expect(try pool.isAlive())
      #expect(pool.pool.drain() == .drained)
    }
  }
}
