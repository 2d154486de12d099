import Concurrency
import Testing

@testable import FastCGI

extension FastCGITests {
  /// What a web server sends, and what the handler sees of it.
  struct RequestTests {
    @Test func `a request without body is answered`() throws {
      try withPool { pool throws in
        let answer = try pool.exchange(
          Record.request([("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/a?b=c")]))
        #expect(answer.status == "Status: 200 OK")
        let request = try #require(pool.handler.requests.withLock { $0.first })
        #expect(request.parameters.method == "GET")
        #expect(request.parameters.requestURI == "/a?b=c")
        #expect(request.body == .complete([]))
      }
    }

    @Test func `a request sees nothing of a longer or a shorter one before it`() throws {
      try withPool(threads: 1) { pool throws in
        for size in [40_000, 0, 20_000, 1, 60_000, 8192, 100, 101] {
          let value = String(repeating: "x", count: size)
          let answer = try pool.exchange(Record.request([("HTTP_X", value)]))
          #expect(answer.status == "Status: 200 OK")
          let request = try #require(pool.handler.requests.withLock(\.last))
          #expect(request.parameters.all("HTTP_X") == [value])
        }
      }
    }

    @Test(arguments: [1, 5, 8192, 65_536])
    func `a body arrives whole and the answer too`(size: Int) throws {
      try withPool { pool throws in
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let answer = try pool.exchange(Record.post(body))
        #expect(answer.status == "Status: 200 OK")
        #expect(answer.body == body)
      }
    }

    @Test func `a body of many small records with padding is put together`() throws {
      try withPool { pool throws in
        var bytes =
          Record.begin(id: 7)
          + Record.stream(Record.params, Record.pairs([("CONTENT_LENGTH", "100")]), id: 7)
        for byte in UInt8(0)..<100 {
          bytes += Record.encode(Record.stdin, [byte], id: 7, padding: byte)
        }
        let answer = try pool.exchange(bytes + Record.encode(Record.stdin, id: 7))
        #expect(answer.body == Array(0..<100))
        #expect(answer.records.allSatisfy { $0.id == 7 })
      }
    }

    @Test func `a body of the limit is read and one byte more is refused`() throws {
      try withPool(handler: TestHandler(limit: 1000)) { pool throws in
        let atLimit = [UInt8](repeating: 1, count: 1000)
        #expect(try pool.exchange(Record.post(atLimit)).body == atLimit)
        #expect(
          try pool.exchange(Record.post(atLimit + [1])).status == "Status: 413 Content Too Large")
        let bodies = pool.handler.requests.withLock { $0.map(\.body) }
        #expect(bodies == [.complete(atLimit), .tooLarge(limit: 1000)])
      }
    }

    @Test(
      arguments: [
        ("5", "12345", Request.Body.complete(Array("12345".utf8))),
        ("005", "12345", .complete(Array("12345".utf8))), ("0", "", .complete([])),
        ("", "", .complete([])),
        ("4", "12345", .malformed), ("6", "12345", .malformed), ("0", "1", .malformed),
        ("", "1", .malformed), ("1", "", .malformed),
        ("-1", "12345", .malformed), ("-5", "12345", .malformed), ("-0", "", .malformed),
        ("+5", "12345", .malformed), ("five", "12345", .malformed), ("5x", "12345", .malformed),
        ("0x5", "12345", .malformed), ("5.0", "12345", .malformed), ("5e0", "12345", .malformed),
        (" 5", "12345", .malformed), ("5 ", "12345", .malformed), ("5,5", "12345", .malformed),
        ("\u{FF15}", "12345", .malformed), ("5\n", "12345", .malformed),
        ("99999999999999999999999999", "12345", .malformed),
        ("9223372036854775807", "12345", .tooLarge(limit: 65_536)),
      ])
    func `the body must have the length that was announced`(
      length: String, body: String, expected: Request.Body
    ) throws {
      try withPool { pool throws in
        let answer = try pool.exchange(Record.post(Array(body.utf8), length: length))
        #expect(answer.isComplete)
        #expect(pool.handler.requests.withLock { $0.map(\.body) } == [expected])
      }
    }

    @Test func `a body that nobody announced is refused`() throws {
      try withPool { pool throws in
        let answer = try pool.exchange(Record.request([], body: [1]))
        #expect(answer.status == "Status: 400 Bad Request")
        #expect(try pool.exchange(Record.request([])).status == "Status: 200 OK")
      }
    }

    @Test func `repeated parameters are kept in their order`() throws {
      try withPool { pool throws in
        let names = [
          ("HTTP_X_FOO", "1"), ("HTTP_ACCEPT", "a"), ("HTTP_X_FOO", "2"), ("HTTP_X_FOO", ""),
        ]
        #expect(try pool.exchange(Record.request(names)).isComplete)
        let parameters = try #require(pool.handler.requests.withLock { $0.first?.parameters })
        #expect(parameters.all("HTTP_X_FOO") == ["1", "2", ""])
        #expect(parameters["HTTP_X_FOO"] == "1")
        #expect(parameters.all("HTTP_X") == [])
        #expect(parameters["HTTP_X"] == nil)
      }
    }

    @Test func `bytes that are not UTF-8 are replaced and harm nobody`() throws {
      try withPool { pool throws in
        let pairs =
          Record.pair(Array("HTTP_USER_AGENT".utf8), [0x61, 0xFF, 0x62, 0x01, 0x1B])
          + Record.pair([0xC3], [0x78]) + Record.pair(Array("Z".utf8), [0xED, 0xA0, 0x80])
        let answer = try pool.exchange(
          Record.begin() + Record.stream(Record.params, pairs) + Record.stream(Record.stdin, []))
        #expect(answer.status == "Status: 200 OK")
        let parameters = try #require(pool.handler.requests.withLock { $0.first?.parameters })
        #expect(parameters["HTTP_USER_AGENT"] == "a\u{FFFD}b\u{1}\u{1B}")
        #expect(parameters["\u{FFFD}"] == "x")
        #expect(parameters["Z"]?.contains("\u{FFFD}") == true)
      }
    }

    @Test func `long parameters and many of them arrive whole`() throws {
      try withPool { pool throws in
        let long = String(repeating: "x", count: 20_000)
        let many = (0..<500).map { ("NAME_\($0)", "value \($0)") }
        let answer = try pool.exchange(Record.request([("LONG", long), (long, "name")] + many))
        #expect(answer.status == "Status: 200 OK")
        let parameters = try #require(pool.handler.requests.withLock { $0.first?.parameters })
        #expect(parameters["LONG"] == long)
        #expect(parameters[long] == "name")
        #expect(parameters["NAME_499"] == "value 499")
      }
    }

    @Test func `a parameter ends at a NUL and empty ones are parameters`() throws {
      try withPool { pool throws in
        let answer = try pool.exchange(
          Record.request([("A", "b\u{0}c"), ("D\u{0}E", "f"), ("EMPTY", ""), ("", "nameless")]))
        #expect(answer.status == "Status: 200 OK")
        let parameters = try #require(pool.handler.requests.withLock { $0.first?.parameters })
        #expect(parameters["A"] == "b")
        #expect(parameters["D"] == nil)
        #expect(parameters["EMPTY"] == "")
        #expect(parameters[""] == "nameless")
      }
    }

    @Test func `an answer larger than any buffer arrives whole`() throws {
      let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let handler = TestHandler { _ in Response(status: 201, body: body) }
      try withPool(handler: handler) { pool throws in
        let answer = try pool.exchange(Record.get())
        #expect(answer.status == "Status: 201 Created")
        #expect(answer.body == body)
        #expect(pool.handler.undelivered.withLock { $0.isEmpty })
      }
    }

    @Test func `a header value cannot start another header or the body`() throws {
      let handler = TestHandler { _ in
        Response(
          status: 200,
          headers: [
            .init("X-Name", "a\r\nSet-Cookie: b\r\n\r\nbody"),
            .init("X-Lone", "a\nb\rc\u{0}d\u{7F}e"),
            .init("X-Text", "grün \u{80}\u{2028}👍"),
          ],
          body: Array("true body".utf8))
      }
      try withPool(handler: handler) { pool throws in
        let answer = try pool.exchange(Record.get())
        #expect(
          answer.head == [
            "Status: 200 OK", "X-Name: aSet-Cookie: bbody", "X-Lone: abcde",
            "X-Text: grün \u{80}\u{2028}👍",
          ])
        #expect(answer.body == Array("true body".utf8))
      }
    }

    @Test func `a header is found without regard to case`() {
      let response = Response(
        status: 200, headers: [.init("Content-Type", "a"), .init("content-type", "b")])
      #expect(response.header("CONTENT-TYPE") == "a")
      #expect(response.header("Content") == nil)
    }
  }
}
