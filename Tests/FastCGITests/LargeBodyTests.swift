import Concurrency
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

    @Test func `a large body arrives whole, any number of times`() throws {
      let pool = try Self.pool(largeBodies: 1)
      for _ in 0..<5 {
        #expect(try pool.exchange(Record.post(Self.body)).body == Self.body)
      }
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `one large body more than there may be is not taken, and small ones are`() throws {
      let pool = try Self.pool(largeBodies: 1)
      let request = Record.post(Self.body)
      let slow = try pool.connect()
      // Far enough for it to be one of the large ones.
      slow.send(Array(request.prefix(200_000)))
      try #require(slow.isReadByPeer())
      try #require(try pool.isRefused(request))
      #expect(try pool.exchange(Record.post([1, 2, 3])).body == [1, 2, 3])
      slow.send(Array(request.dropFirst(200_000)))
      #expect(try slow.readToEnd().body == Self.body)
      // Its place is free again.
      #expect(try pool.exchange(request).body == Self.body)
      #expect(pool.pool.drain() == .drained)
    }

    @Test func `a large body that breaks off gives up its place`() throws {
      let pool = try Self.pool(largeBodies: 1)
      let request = Record.post(Self.body)
      for _ in 0..<3 {
        let client = try pool.connect()
        client.send(Array(request.prefix(200_000)))
      }
      var isServed = false
      for _ in 0..<200 where !isServed {
        isServed = try !pool.isRefused(request)
        if !isServed { usleep(20_000) }
      }
      #expect(isServed)
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

extension TestPool {
  /// Whether a request gets no answer.
  fileprivate func isRefused(_ request: [UInt8]) throws -> Bool {
    let client = try connect()
    client.send(request)
    return try client.readToEnd().isEmpty
  }
}

extension Client {
  /// Waits until the other side has taken all that was sent. Returns whether it did within ten seconds.
  fileprivate func isReadByPeer() -> Bool {
    // SIOCOUTQ, a macro.
    let unreadSize: UInt = 0x5411
    for _ in 0..<1000 {
      var count: Int32 = -1
      if ioctl(descriptor, unreadSize, &count) == 0, count == 0 { return true }
      usleep(10_000)
    }
    return false
  }
}
