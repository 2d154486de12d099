import Foundation
import Glibc
import HTTPClient
import TestSupport
import Testing

@Suite struct HTTPClientTests {
  let client = HTTPClient.curl()

  private func ok(_ body: String = "hello") -> LoopbackServer.Answer {
    .bytes(okText(body))
  }

  private func okText(_ body: String) -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\nX-Test: a b \r\n\r\n\(body)"
  }

  @Test func `a GET brings status, headers and body`() throws {
    let server = try LoopbackServer { _ in ok() }
    defer { server.stop() }
    let response = try client.send(
      HTTPRequest(.get, server.url + "/path?q=1", headers: [("Accept", "x/y")]))
    #expect(response.status == 200)
    #expect(response.header("x-test") == "a b")
    #expect(response.body == Array("hello".utf8))
    #expect(server.requests[0].hasPrefix("GET /path?q=1 HTTP/1.1\r\n"))
    #expect(server.requests[0].contains("\r\nAccept: x/y\r\n"))
  }

  @Test(arguments: ["", "{\"a\":1}"])
  func `a POST sends its body, also an empty one`(body: String) throws {
    let server = try LoopbackServer { _ in ok() }
    defer { server.stop() }
    let request = HTTPRequest(
      .post, server.url, headers: [("Content-Type", "application/json")], body: Array(body.utf8))
    #expect(try client.send(request).status == 200)
    #expect(server.requests[0].hasPrefix("POST / HTTP/1.1\r\n"))
    #expect(server.requests[0].contains("Content-Length: \(body.utf8.count)\r\n"))
    #expect(server.requests[0].hasSuffix("\r\n\r\n" + body))
  }

  @Test func `a DELETE after a POST on the same handle has no body`() throws {
    let server = try LoopbackServer { _ in .bytes("HTTP/1.1 204 No Content\r\n\r\n") }
    defer { server.stop() }
    _ = try client.send(HTTPRequest(.post, server.url, body: [0x61]))
    #expect(try client.send(HTTPRequest(.delete, server.url + "/x")).status == 204)
    #expect(server.requests[1].hasPrefix("DELETE /x HTTP/1.1\r\n"))
    #expect(!server.requests[1].contains("Content-Length"))
  }

  @Test func `connections are used again`() throws {
    let server = try LoopbackServer { _ in ok() }
    defer { server.stop() }
    for _ in 0..<5 { _ = try client.send(HTTPRequest(.get, server.url)) }
    #expect(server.connectionCount == 1)
  }

  @Test(arguments: [(false, 2), (true, 1)])
  func `a request that must not be sent twice is not, though libcurl would`(
    isSentOnce: Bool, count: Int
  ) throws {
    let server = try LoopbackServer { request in
      request.hasPrefix("POST") ? .bytesThenClose("") : ok()
    }
    defer { server.stop() }
    _ = try client.send(HTTPRequest(.get, server.url))
    #expect(throws: HTTPClientError.self) {
      try client.send(HTTPRequest(.post, server.url, body: [0x61], isSentOnce: isSentOnce))
    }
    #expect(server.requests.count { $0.hasPrefix("POST") } == count)
  }

  @Test func `a redirect is an answer and is not followed`() throws {
    let server = try LoopbackServer { _ in
      .bytes("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
    }
    defer { server.stop() }
    let response = try client.send(HTTPRequest(.get, server.url))
    #expect(response.status == 302)
    #expect(server.requests.count == 1)
  }

  @Test func `an interim answer does not leave its headers behind`() throws {
    let server = try LoopbackServer { _ in
      .bytes(
        "HTTP/1.1 103 Early Hints\r\nX-Test: early\r\n\r\n"
          + "HTTP/1.1 200 OK\r\nX-Test: late\r\nContent-Length: 0\r\n\r\n")
    }
    defer { server.stop() }
    #expect(try client.send(HTTPRequest(.get, server.url)).header("x-test") == "late")
  }

  @Test(arguments: [
    "Content-Length: 1001\r\n\r\n" + String(repeating: "x", count: 1001),
    "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1001)
      + "\r\n0\r\n\r\n",
  ])
  func `an answer over the limit is given up`(rest: String) throws {
    let server = try LoopbackServer { _ in .bytes("HTTP/1.1 200 OK\r\n" + rest) }
    defer { server.stop() }
    #expect(throws: HTTPClientError.responseTooLarge) {
      try client.send(HTTPRequest(.get, server.url, maximumResponseSize: 1000))
    }
    #expect(
      try client.send(HTTPRequest(.get, server.url, maximumResponseSize: 1001)).body.count == 1001)
  }

  @Test func `a body without an end is given up`() throws {
    let server = try LoopbackServer { _ in
      .endless("HTTP/1.1 200 OK\r\n\r\n", repeating: String(repeating: "x", count: 1000))
    }
    defer { server.stop() }
    #expect(throws: HTTPClientError.responseTooLarge) {
      try client.send(HTTPRequest(.get, server.url, maximumResponseSize: 100_000))
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\n", "X-Test: y\r\n"),
    ("", "HTTP/1.1 103 Early Hints\r\nX-Test: y\r\n\r\n"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Test: y\r\n"),
  ])
  func `headers without an end are given up`(start: String, repeating: String) throws {
    let server = try LoopbackServer { _ in .endless(start, repeating: repeating) }
    defer { server.stop() }
    #expect(throws: HTTPClientError.responseTooLarge) {
      try client.send(HTTPRequest(.get, server.url))
    }
  }

  @Test func `headers may have 64 KiB`() throws {
    let lines = String(repeating: "X-Test: 123456\r\n", count: 4000)
    let head = "HTTP/1.1 204 No Content\r\n" + lines + "X-Last: "
    let rest = 65_536 - (head + "\r\n\r\n").utf8.count
    let server = try LoopbackServer { request in
      let count = request.hasPrefix("GET /over") ? rest + 1 : rest
      return .bytes(head + String(repeating: "y", count: count) + "\r\n\r\n")
    }
    defer { server.stop() }
    #expect(try client.send(HTTPRequest(.get, server.url)).headers.count == 4001)
    #expect(throws: HTTPClientError.responseTooLarge) {
      try client.send(HTTPRequest(.get, server.url + "/over"))
    }
  }

  @Test func `a header line without an end is given up`() throws {
    let server = try LoopbackServer { _ in
      .endless("HTTP/1.1 200 OK\r\nX-Test: ", repeating: String(repeating: "x", count: 1000))
    }
    defer { server.stop() }
    // libcurl, which gathers the line, has its own limit and no error of its own for it.
    let error = #expect(throws: HTTPClientError.self) {
      try client.send(HTTPRequest(.get, server.url))
    }
    #expect(error != .timedOut)
  }

  @Test func `a compressed answer stays compressed`() throws {
    let compressed = try ChildProcess.run(
      "/bin/sh", ["-c", "head -c 1000000 /dev/zero | gzip -c"])
    let head =
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(compressed.count)\r\n\r\n"
    let server = try LoopbackServer { _ in .raw(Array(head.utf8) + compressed) }
    defer { server.stop() }
    let response = try client.send(HTTPRequest(.get, server.url, maximumResponseSize: 10_000))
    #expect(response.body == compressed)
    #expect(!server.requests[0].lowercased().contains("accept-encoding"))
  }

  @Test func `an answer that comes byte by byte ends with the total timeout`() throws {
    let server = try LoopbackServer { request in
      .drip(
        okText(request.hasPrefix("GET /long") ? String(repeating: "x", count: 20_000) : "hello"))
    }
    defer { server.stop() }
    #expect(try client.send(HTTPRequest(.get, server.url)).body == Array("hello".utf8))
    #expect(throws: HTTPClientError.timedOut) {
      try client.send(HTTPRequest(.get, server.url + "/long", totalTimeout: .milliseconds(300)))
    }
  }

  @Test func `silence ends with the total timeout`() throws {
    let server = try LoopbackServer { _ in .silence }
    defer { server.stop() }
    #expect(throws: HTTPClientError.timedOut) {
      try client.send(HTTPRequest(.get, server.url, totalTimeout: .milliseconds(200)))
    }
  }

  @Test func `a budget shortens a request's timeout and refuses what comes after it`() throws {
    let server = try LoopbackServer { _ in .silence }
    defer { server.stop() }
    let deadline = ContinuousClock.now + .milliseconds(200)
    let limited = client.limited(until: deadline)
    #expect(throws: HTTPClientError.timedOut) { try limited.send(HTTPRequest(.get, server.url)) }
    while ContinuousClock.now < deadline { usleep(1000) }
    #expect(throws: HTTPClientError.cannotConnect("no time was left for the request")) {
      try limited.send(HTTPRequest(.get, server.url))
    }
    #expect(server.requests.count == 1)
  }

  @Test func `a client that is cancelled ends what is under way and sends nothing more`() throws {
    let server = try LoopbackServer { _ in .silence }
    defer { server.stop() }
    // From its first request on.
    let client = HTTPClient.curl { !server.requests.isEmpty }
    let start = ContinuousClock.now
    #expect(throws: HTTPClientError.self) { try client.send(HTTPRequest(.get, server.url)) }
    #expect(ContinuousClock.now - start < .seconds(5))
    #expect(throws: HTTPClientError.cannotConnect("the program is about to end")) {
      try client.send(HTTPRequest(.get, server.url))
    }
    #expect(server.requests.count == 1)
  }

  @Test(arguments: ["", "garbage", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"])
  func `a broken answer is told apart from no connection`(bytes: String) throws {
    let server = try LoopbackServer { _ in .bytesThenClose(bytes) }
    defer { server.stop() }
    #expect {
      try client.send(HTTPRequest(.get, server.url))
    } throws: { error in
      guard case HTTPClientError.broken = error else { return false }
      return true
    }
  }

  @Test func `a port where nobody listens cannot be connected to`() throws {
    let server = try LoopbackServer { _ in .silence }
    let url = server.url
    server.stop()
    #expect {
      try client.send(HTTPRequest(.get, url))
    } throws: { error in
      guard case HTTPClientError.cannotConnect = error else { return false }
      return true
    }
  }

  @Test func `a proxy in the environment is not used`() throws {
    let proxy = try LoopbackServer { _ in ok("proxy") }
    let server = try LoopbackServer { _ in ok("server") }
    defer {
      proxy.stop()
      server.stop()
    }
    setenv("http_proxy", proxy.url, 1)
    defer { unsetenv("http_proxy") }
    let response = try client.send(HTTPRequest(.get, server.url))
    #expect(response.body == Array("server".utf8))
    #expect(proxy.requests.isEmpty)
  }

  @Test func `a URL that is not allowed is not called`() {
    #expect(throws: HTTPClientError.urlNotAllowed) {
      try client.send(HTTPRequest(.get, "file:///etc/passwd"))
    }
  }
}

@Suite struct URLRuleTests {
  @Test(arguments: [
    "https://api.github.com", "https://id.example/x", "http://127.0.0.1:8080/x", "http://localhost",
    "http://[::1]:80/", "HTTPS://a.example",
  ])
  func `https anywhere and http to this machine are allowed`(url: String) {
    #expect(URLRule.isAllowed(url))
  }

  @Test(arguments: [
    "http://id.example", "http://169.254.169.254/", "http://127.0.0.1.example", "http://127.1",
    "http://localhost.example", "ftp://127.0.0.1", "file:///etc/passwd", "", "https://",
    "https://user:password@id.example", "http://user@127.0.0.1", "//127.0.0.1",
    "gopher://localhost", "https://id.example\n", "https://id.example/a b",
    "https://id.example/\u{7F}",
    "https://id.example/x\r\nHost: y",
  ])
  func `anything else is not`(url: String) {
    #expect(!URLRule.isAllowed(url))
  }
}
