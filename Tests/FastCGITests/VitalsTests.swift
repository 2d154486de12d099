import Concurrency
import Dispatch
import Testing

@testable import FastCGI

extension FastCGITests {
  /// What the watchdog goes by.
  struct VitalsTests {
    /// Holds every request until it is told to let go.
    private final class Gate: Sendable {
      private let semaphore = DispatchSemaphore(value: 0)

      var handler: TestHandler {
        TestHandler { request in
          self.semaphore.wait()
          return TestHandler.echo(request)
        }
      }

      func open(for requests: Int) {
        for _ in 0..<requests { semaphore.signal() }
      }
    }

    @Test func `an idle pool has all of its threads and nothing to do`() throws {
      try withPool(threads: 3) { pool throws in
        #expect(try pool.isAlive())
        #expect(
          eventually {
            pool.pool.vitals() == WorkerPool.Vitals(threads: 3, busy: 0, stuck: 0, lost: 0)
          })
      }
    }

    @Test func `a thread that does not come to an end is stuck once its time is over`() throws {
      let gate = Gate()
      try withPool(threads: 2, handler: gate.handler) { pool throws in
        let client = try pool.connect()
        client.send(Record.get())
        #expect(eventually { pool.pool.vitals().busy == 1 })
        let now = ContinuousClock.now
        #expect(pool.pool.vitals(at: now).stuck == 0)
        #expect(pool.pool.vitals(at: now + .seconds(61)).stuck == 1)
        gate.open(for: 1)
        #expect(try client.readToEnd().status == "Status: 200 OK")
        #expect(eventually { pool.pool.vitals(at: now + .seconds(3600)).stuck == 0 })
      }
    }

    @Test func `a thread that goes from one request to the next is busy and not stuck`() throws {
      let gate = Gate()
      try withPool(threads: 1, handler: gate.handler) { pool throws in
        let clients = try (0..<2).map { _ in try pool.connect() }
        for client in clients { client.send(Record.get()) }
        #expect(eventually { pool.handler.requestCount == 1 })
        let firstBegan = ContinuousClock.now
        gate.open(for: 1)
        #expect(eventually { pool.handler.requestCount == 2 })
        // The second has begun since then, so for it the time is not over.
        #expect(
          pool.pool.vitals(at: firstBegan + .seconds(60))
            == WorkerPool.Vitals(threads: 1, busy: 1, stuck: 0, lost: 0))
        #expect(pool.pool.vitals(at: .now + .seconds(61)).stuck == 1)
        gate.open(for: 1)
        for client in clients { #expect(try client.readToEnd().status == "Status: 200 OK") }
      }
    }

    @Test func `connections that wait for their request hold no thread`() throws {
      try withPool(threads: 2) { pool throws in
        let clients = try (0..<5).map { _ in try pool.connect() }
        for client in clients { client.send(Record.begin()) }
        #expect(try pool.isAlive())
        #expect(eventually { pool.pool.vitals().busy == 0 })
        #expect(pool.pool.vitals(at: .now + .seconds(3600)).stuck == 0)
      }
    }
  }
}
