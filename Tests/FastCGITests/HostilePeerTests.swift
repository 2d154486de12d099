import Concurrency
import Glibc
import Testing

@testable import FastCGI

extension FastCGITests {
  /// Peers that break the protocol. None may reach the handler with half a request, or harm the next one.
  struct HostilePeerTests {
    private static let getValues = Record.encode(
      Record.getValues, Record.pairs(Array(repeating: ("FCGI_MAX_CONNS", ""), count: 4)), id: 0)
    private static let begin = Record.begin()
    private static let onePair = Record.encode(Record.params, Record.pairs([("A", "b")]))
    private static let beginBody: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0]

    private static let foreignStarts: [(name: String, bytes: [UInt8])] = [
      ("values", getValues), ("unknown management type", Record.encode(77, id: 0)),
      ("request id zero", Record.begin(id: 0)),
      ("parameters first", Record.encode(Record.params)),
      ("abort first", Record.encode(Record.abortRequest)),
      ("version 0", Record.encode(Record.beginRequest, beginBody, version: 0)),
      ("version 2", Record.encode(Record.beginRequest, beginBody, version: 2)),
      ("half a header", [1, 1, 0, 1]), ("one byte", [1]),
      ("HTTP", Array("GET / HTTP/1.1\r\n\r\n".utf8)),
      ("zeros", [UInt8](repeating: 0, count: 100_000)),
      ("ones", [UInt8](repeating: 0xFF, count: 100_000)),
    ]

    private static let brokenHeads: [(name: String, bytes: [UInt8])] = [
      ("begin too short", Record.encode(Record.beginRequest, [0, 1])),
      ("begin too long", Record.encode(Record.beginRequest, [UInt8](repeating: 1, count: 16))),
      ("abort", begin + Record.encode(Record.abortRequest)),
      (
        "abort between parameters",
        begin + onePair
          + Record.encode(Record.abortRequest)
      ),
      ("version 2 later", begin + Record.encode(Record.params, version: 2)),
      (
        "version 2 between parameters",
        begin + onePair
          + Record.encode(Record.params, version: 2)
      ),
      (
        "parameters without end",
        begin + onePair
          + Record.stream(Record.stdin, [])
      ),
      (
        "a parameter longer than its record",
        begin + Record.stream(Record.params, [0x84, 0, 0, 0, 0x84, 0, 0, 0, 1])
      ),
      ("a length cut short", begin + Record.stream(Record.params, [0x84, 0])),
      ("a name without value length", begin + Record.stream(Record.params, [1])),
      ("garbage", begin + [UInt8](repeating: 0xAA, count: 50_000)),
    ]

    @Test(arguments: foreignStarts)
    func `a connection that does not begin with a request is dropped`(
      name: String, bytes: [UInt8]
    ) throws {
      try withPool { pool throws in
        #expect(try pool.exchange(bytes).isEmpty)
        #expect(pool.handler.requestCount == 0)
        #expect(try pool.isAlive())
      }
    }

    @Test(arguments: brokenHeads)
    func `a request whose head breaks the protocol never reaches the handler`(
      name: String, bytes: [UInt8]
    ) throws {
      try withPool { pool throws in
        let client = try pool.connect()
        client.send(bytes)
        client.endSending()
        #expect(try client.readToEnd().isEmpty)
        #expect(pool.handler.requestCount == 0)
        #expect(try pool.isAlive())
      }
    }

    @Test func `a request cut off at any byte is never taken for a whole one`() throws {
      let head =
        Record.begin()
        + Record.encode(Record.params, Record.pairs([("REQUEST_METHOD", "DELETE"), ("A", "b")]))
        + Record.encode(Record.params, Record.pairs([("HTTP_AUTHORIZATION", "Bearer x")]))
        + Record.encode(Record.params)
      let whole = head + Record.encode(Record.stdin)
      try withPool { pool throws in
        for end in 1..<whole.count {
          let client = try pool.connect()
          client.send(Array(whole.prefix(end)))
          client.endSending()
          let answer = try client.readToEnd()
          let requests = pool.handler.requests.withLock { requests in
            defer { requests = [] }
            return requests
          }
          if end < head.count {
            #expect(requests.isEmpty, "cut after \(end) bytes")
            #expect(answer.isEmpty, "cut after \(end) bytes")
          } else {
            // The head is whole; its body's end is missing.
            #expect(requests.map(\.body) == [.malformed], "cut after \(end) bytes")
          }
        }
        #expect(try pool.exchange(whole).status == "Status: 200 OK")
      }
    }

    @Test func `a request aborted in its body is malformed`() throws {
      try withPool { pool throws in
        let answer = try pool.exchange(
          Record.begin() + Record.stream(Record.params, Record.pairs([("CONTENT_LENGTH", "3")]))
            + Record.encode(Record.stdin, [1, 2]) + Record.encode(Record.abortRequest))
        #expect(answer.status == "Status: 400 Bad Request")
        #expect(pool.handler.requests.withLock { $0.map(\.body) } == [.malformed])
        #expect(try pool.isAlive())
      }
    }

    /// libfcgi would read an unread body's bytes as the next request.
    @Test func `a request hidden in an unread body is not served`() throws {
      let hidden = Record.request([("REQUEST_URI", "/smuggled"), ("REMOTE_USER", "admin")])
      try withPool(handler: TestHandler(limit: 10)) { pool throws in
        for padding in [0, 1, 8, 8192 - 200, 8192, 20_000] {
          let body = [UInt8](repeating: 0, count: padding) + hidden + hidden
          let answer = try pool.exchange(
            Record.request(
              [("REQUEST_URI", "/outer"), ("CONTENT_LENGTH", String(body.count))], body: body,
              keepConnection: true))
          #expect(answer.status == "Status: 413 Content Too Large")
        }
        let uris = pool.handler.requests.withLock { $0.map(\.parameters.requestURI) }
        #expect(uris == Array(repeating: "/outer", count: 6))
      }
    }

    @Test func `a connection serves one request even when asked to stay open`() throws {
      try withPool { pool throws in
        let one = Record.request([("REQUEST_URI", "/1")], keepConnection: true)
        let two = Record.request([("REQUEST_URI", "/2")], id: 2, keepConnection: true)
        #expect(try pool.exchange(one + two).isComplete)
        #expect(pool.handler.requests.withLock { $0.map(\.parameters.requestURI) } == ["/1"])
        #expect(try pool.exchange(two).isComplete)
      }
    }

    @Test func `records of another request on the connection are skipped`() throws {
      try withPool { pool throws in
        let other = Record.encode(Record.params, Record.pairs([("REMOTE_USER", "admin")]), id: 9)
        let answer = try pool.exchange(
          Record.begin() + other + Record.stream(Record.params, Record.pairs([("A", "b")]))
            + Record.encode(Record.stdin, [1, 2, 3], id: 9) + Record.encode(Record.stdin))
        #expect(answer.status == "Status: 200 OK")
        let request = try #require(pool.handler.requests.withLock { $0.first })
        #expect(request.parameters["REMOTE_USER"] == nil)
        #expect(request.body == .complete([]))
      }
    }

    @Test func `a peer that hangs up before the answer is noticed`() throws {
      let gate = Locked(false)
      let handler = TestHandler { _ in
        _ = eventually { gate.withLock { $0 } }
        return Response(status: 201, body: [1, 2, 3])
      }
      try withPool(handler: handler) { pool throws in
        var client: Client? = try pool.connect()
        client?.send(Record.get())
        #expect(eventually { handler.requestCount == 1 })
        client = nil
        gate.withLock { $0 = true }
        #expect(eventually { handler.undelivered.withLock { $0.map(\.status) } == [201] })

        #expect(try pool.exchange(Record.get()).status == "Status: 201 Created")
        #expect(handler.undelivered.withLock { $0.count } == 1)
      }
    }

    @Test func `random bytes after a good start do no harm`() throws {
      try withPool { pool throws in
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
          var bytes = Record.request([("REQUEST_METHOD", "GET"), ("A", "b")], body: [1, 2, 3])
          for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let index = Int.random(in: 16..<bytes.count, using: &generator)
            // Not a request id of zero: libfcgi answers such a record itself.
            if bytes[index] != 1 { bytes[index] = UInt8.random(in: 1...255, using: &generator) }
          }
          let client = try pool.connect()
          client.send(bytes)
          client.endSending()
          #expect(try client.readToEnd().isWellFormed)
        }
        #expect(try pool.isAlive())
      }
    }
  }
}
