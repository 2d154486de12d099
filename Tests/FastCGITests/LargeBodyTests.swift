import Concurrency
import Dispatch
import Foundation
import Glibc
import Testing

@testable import FastCGI

extension FastCGITests {
  /// Bodies over the default limit, where they are allowed at all, take memory: only so many may be there at a time.
  struct LargeBodyTests {
    private static let body = [UInt8](repeating: 7, count: 300_000)

    private static func pool(largeBodies: Int) throws -> TestPool {
      try TestPool(handler: TestHandler(limit: 1 << 20)) { options in
        options.bodyLimit = 1 << 20
        options.largeBodies = largeBodies
      }
    }

    /// Answers with the number of bytes only, which nobody need read before another is served.
    private static func countingPool(largeBodies: Int) throws -> TestPool {
      let handler = TestHandler(limit: 1 << 20) { request in
        let echo = TestHandler.echo(request)
        return Response(status: echo.status, body: Array("\(echo.body.count)".utf8))
      }
      return try TestPool(handler: handler) { options in
        options.bodyLimit = 1 << 20
        options.largeBodies = largeBodies
      }
    }

    private static let count = Array("\(body.count)".utf8)

    @Test func `a large body arrives whole, any number of times`() throws {
      let pool = try Self.pool(largeBodies: 1)
      for _ in 0..<5 {
        #expect(try pool.exchange(Record.post(Self.body)).body == Self.body)
      }
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `one large body more than there may be waits unread, and small ones do not`() throws
    {
      let pool = try Self.countingPool(largeBodies: 1)
      let request = Record.post(Self.body)
      let slow = try pool.connect()
      // Far enough for it to be one of the large ones.
      slow.send(Array(request.prefix(200_000)))
      try #require(slow.isReadByPeer())
      let waiting = try (0..<4).map { _ in try pool.connect() }
      for client in waiting { client.send(Array(request.prefix(200_000))) }
      #expect(try pool.exchange(Record.post([1, 2, 3])).body == Array("3".utf8))
      for client in waiting { #expect(client.unreadCount > 20_000) }
      // As one is done with, the next is read, whichever has waited longest.
      for client in [slow] + waiting {
        Thread.detachNewThread { client.send(Array(request.dropFirst(200_000))) }
      }
      for client in [slow] + waiting { #expect(try client.readToEnd().body == Self.count) }
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `twenty large bodies at once are all answered where there is room for two`() throws {
      let pool = try Self.countingPool(largeBodies: 2)
      let request = Record.post(Self.body)
      let clients = try (0..<20).map { _ in try pool.connect() }
      for client in clients { client.send(Array(request.prefix(200_000))) }
      // In any order: the rest of each is sent as far as it is read.
      for client in clients {
        Thread.detachNewThread { client.send(Array(request.dropFirst(200_000))) }
      }
      for client in clients { #expect(try client.readToEnd().body == Self.count) }
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `who waits for room is hung up on when its time to arrive is over`() throws {
      let gate = DispatchSemaphore(value: 0)
      let handler = TestHandler(limit: 1 << 20) { request in
        gate.wait()
        return TestHandler.echo(request)
      }
      let pool = try TestPool(handler: handler) { options in
        options.bodyLimit = 1 << 20
        options.largeBodies = 1
        options.readingTimeout = .seconds(1)
      }
      let request = Record.post(Self.body)
      let held = try pool.connect()
      held.send(request)
      try #require(eventually { handler.requestCount == 1 })
      let waiting = try pool.connect()
      waiting.send(Array(request.prefix(200_000)))
      #expect(try waiting.readToEnd().isEmpty)
      // It was not because room was made.
      #expect(handler.requestCount == 1)
      gate.signal()
      #expect(try held.readToEnd().body == Self.body)
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `a worker that ends answers those that wait for room too`() throws {
      let pool = try Self.countingPool(largeBodies: 1)
      let request = Record.post(Self.body)
      let slow = try pool.connect()
      slow.send(Array(request.prefix(200_000)))
      try #require(slow.isReadByPeer())
      let waiting = try pool.connect()
      // All of it is there, a part of it unread.
      waiting.send(Record.post(Array(Self.body.prefix(150_000))))
      #expect(try pool.exchange(Record.post([1])).body == Array("1".utf8))
      slow.send(Array(request.dropFirst(200_000)))
      #expect(pool.pool.drain() == .drained)
      #expect(try slow.readToEnd().body == Self.count)
      #expect(try waiting.readToEnd().body == Array("150000".utf8))
    }

    @Test func `a large body that breaks off gives up its place`() throws {
      let pool = try Self.pool(largeBodies: 1)
      let request = Record.post(Self.body)
      for _ in 0..<3 {
        let client = try pool.connect()
        client.send(Array(request.prefix(200_000)))
      }
      #expect(try pool.exchange(request).body == Self.body)
      #expect(pool.pool.drain() == .drained)
    }

    /// Two megabytes for a handler that takes 64 KiB.
    private static let tooLarge = Record.post([UInt8](repeating: 7, count: 2 << 20))

    @Test func `an answer that comes before the end of the body is not lost`() throws {
      try withPool { pool throws in
        for _ in 0..<50 {
          let client = try pool.connect()
          #expect(client.send(Self.tooLarge))
          #expect(try client.readToEnd().status == "Status: 413 Content Too Large")
          #expect(!client.wasReset)
        }
        #expect(pool.handler.undelivered.withLock { $0.isEmpty })
      }
    }

    @Test func `who sends on after the answer is hung up on, and keeps no thread`() throws {
      try withPool(threads: 1, configure: { $0.readingTimeout = .seconds(1) }) { pool throws in
        let client = try pool.connect()
        #expect(client.send(Self.tooLarge))
        let isOver = try eventually {
          let isHungUpOn = !client.send([UInt8](repeating: 0, count: 1 << 20))
          return try pool.isAlive() && isHungUpOn
        }
        #expect(isOver)
        #expect(try pool.isAlive())
      }
    }
  }
}

extension Client {
  /// How much of what was sent the other side has not taken, as the system counts it: with its own overhead.
  fileprivate var unreadCount: Int32 {
    // SIOCOUTQ, a macro.
    let unreadSize: UInt = 0x5411
    var count: Int32 = -1
    return ioctl(descriptor, unreadSize, &count) == 0 ? count : -1
  }

  /// Waits until the other side has taken all that was sent. Returns whether it did within ten seconds.
  fileprivate func isReadByPeer() -> Bool {
    for _ in 0..<1000 {
      if unreadCount == 0 { return true }
      usleep(10_000)
    }
    return false
  }
}
