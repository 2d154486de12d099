import Concurrency
import Dispatch
import Glibc
import Testing

@testable import FastCGI

extension FastCGITests {
  /// Peers that keep silent or slow must not keep others waiting. Waits are bounded generously: they tell an end from
  /// a hang, not fast from slow.
  struct DeadlineTests {
    @Test func `silent connections cost no thread`() throws {
      try withPool(threads: 4) { pool throws in
        let silent = try (0..<9).map { _ in try pool.connect() }
        for _ in 0..<20 { #expect(try pool.isAlive()) }
        #expect(try eventually { try pool.openSockets() == 1 + silent.count })
      }
    }

    @Test func `a silent connection is ended after its time`() throws {
      try withPool(configure: { $0.idleTimeout = .milliseconds(100) }) { pool throws in
        let silent = try pool.connect()
        #expect(try silent.readToEnd().isEmpty)
        #expect(try pool.isAlive())
      }
    }

    @Test func `a connection that was silent at first is served`() throws {
      try withPool { pool throws in
        let client = try pool.connect()
        usleep(100_000)
        client.send(Record.get())
        #expect(try client.readToEnd().status == "Status: 200 OK")
      }
    }

    @Test func `requests that stop half way free their threads`() throws {
      try withPool(threads: 2, configure: { $0.readingTimeout = .milliseconds(200) }) {
        pool throws in
        let stuck = try (0..<2).map { _ in try pool.connect() }
        for client in stuck { client.send(Record.begin()) }
        #expect(try pool.isAlive())
        for client in stuck { #expect(try client.readToEnd().isEmpty) }
        #expect(pool.handler.requestCount == 1)
      }
    }

    @Test func `the time for one read frees the thread as well`() throws {
      try withPool(threads: 1, configure: { $0.socketTimeout = .milliseconds(200) }) {
        pool throws in
        let stuck = try pool.connect()
        stuck.send(Record.begin())
        #expect(try pool.isAlive())
        #expect(try stuck.readToEnd().isEmpty)
      }
    }

    @Test func `a request that drips in does not hold its thread beyond the deadline`() throws {
      try withPool(threads: 1, configure: { $0.readingTimeout = .milliseconds(300) }) {
        pool throws in
        let path = pool.path
        let isDripping = Locked(true)
        let wasCutOff = Locked(false)
        let drip = { @Sendable in
          guard let client = try? Client(path: path) else { return }
          client.send(
            Record.begin()
              + Array(Record.encode(Record.params, Array(repeating: 1, count: 60_000)).prefix(8)))
          while isDripping.withLock({ $0 }) {
            guard client.send([1]) else {
              wasCutOff.withLock { $0 = true }
              return
            }
            usleep(20_000)
          }
        }
        let thread = startThread(drip)
        usleep(100_000)
        let wasAnswered = try pool.isAlive()
        _ = eventually { wasCutOff.withLock { $0 } }
        isDripping.withLock { $0 = false }
        thread.wait()
        #expect(wasAnswered)
        #expect(wasCutOff.withLock { $0 })
        #expect(pool.handler.requestCount == 1)
      }
    }

    @Test func `a peer that does not read its answer does not hold a thread`() throws {
      let handler = TestHandler { request in
        let size = request.parameters.requestURI == "/large" ? 20_000_000 : 0
        return Response(status: 200, body: [UInt8](repeating: 1, count: size))
      }
      try withPool(
        threads: 1, handler: handler, configure: { $0.writingTimeout = .milliseconds(200) }
      ) { pool throws in
        let deaf = try pool.connect()
        deaf.send(Record.get("/large"))
        #expect(try pool.isAlive())
        #expect(handler.undelivered.withLock { $0.count } == 1)
        #expect(try deaf.readToEnd().isComplete == false)
      }
    }

    @Test func `a request that waits for a free thread is not taken for a silent connection`()
      throws
    {
      let handler = TestHandler { request in
        if request.parameters.requestURI == "/slow" { usleep(2_500_000) }
        return Response(status: 200)
      }
      try withPool(
        threads: 1, handler: handler, configure: { $0.idleTimeout = .milliseconds(200) }
      ) { pool throws in
        // In the pool's hands, silent, before the only thread is busy.
        let early = try pool.connect()
        #expect(try eventually { try pool.openSockets() == 2 })
        let slow = try pool.connect()
        slow.send(Record.get("/slow"))
        early.send(Record.get("/early"))
        #expect(try early.readToEnd().status == "Status: 200 OK")
        #expect(try slow.readToEnd().status == "Status: 200 OK")
      }
    }
  }
}
