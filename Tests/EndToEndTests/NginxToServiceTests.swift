import Foundation
import Glibc
import TestSupport
import Testing

/// What nginx sends to the service, and how often. The test listens in the workers' place.
@Suite struct NginxToServiceTests {
  @Test(arguments: ["GET", "DELETE", "POST"])
  func `a request is sent once, even if the service breaks off`(method: String) throws {
    let cluster = try Cluster.ofNginxAlone()
    let curl = try Self.start(["-X", method], "/api/v1/runners/ci-1", cluster)
    let connection = try #require(Self.accept(cluster))
    _ = Self.received(connection)
    close(connection)
    #expect(try Answer(curl.finish().output).problem == "502 SERVICE_UNAVAILABLE")
    #expect(Self.accept(cluster, seconds: 1) == nil)
  }

  @Test
  func `what a client says of its way here does not arrive, nor the wish to keep the connection`()
    throws
  {
    let cluster = try Cluster.ofNginxAlone()
    let blank = [
      "Proxy", "Forwarded", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
      "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Scheme",
      "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Real-Ip",
    ]
    let headers = (blank + ["X-Harmless"]).flatMap { ["-H", "\($0): made-up"] }
    let curl = try Self.start(headers + ["--http1.1"], "/health?a=%2e", cluster)
    let connection = try #require(Self.accept(cluster))
    let bytes = Self.received(connection)
    close(connection)
    curl.stop()
    // Begin of a request, a responder's, without the flag FCGI_KEEP_CONN (FastCGI specification, section 5.1).
    #expect(bytes.prefix(2) == [1, 1])
    #expect(bytes.dropFirst(8).prefix(3) == [0, 1, 0])
    func isSent(_ name: String, _ value: String) -> Bool {
      let pair =
        [UInt8(name.utf8.count), UInt8(value.utf8.count)] + Array(name.utf8) + Array(value.utf8)
      return Data(bytes).range(of: Data(pair)) != nil
    }
    for name in blank {
      let variable = "HTTP_" + name.uppercased().replacing("-", with: "_")
      #expect(!isSent(variable, "made-up"), "\(variable)")
    }
    #expect(isSent("HTTP_X_HARMLESS", "made-up"))
    #expect(isSent("REQUEST_URI", "/health?a=%2e"))
    #expect(isSent("REMOTE_ADDR", "127.0.0.1"))
  }

  @Test func `a service that does not answer is told as that`() throws {
    let cluster = try Cluster.ofNginxAlone {
      try $0.replace(
        "fastcgi_read_timeout    40s", with: "fastcgi_read_timeout 1s", in: "service.conf")
    }
    let answer = try cluster.get("/health")
    #expect(answer.problem == "504 SERVICE_TIMEOUT")
    #expect(answer.header("Retry-After") == "30")
  }

  @Test func `the service cannot send nginx to a file`() throws {
    let cluster = try Cluster.ofNginxAlone()
    let curl = try Self.start([], "/health", cluster)
    let connection = try #require(Self.accept(cluster))
    _ = Self.received(connection)
    let output = Array("Status: 200 OK\r\nX-Accel-Redirect: /docs/index.html\r\n\r\nmine".utf8)
    let records =
      [1, 6, 0, 1, 0, UInt8(output.count), 0, 0] + output + [1, 6, 0, 1, 0, 0, 0, 0]
      + [1, 3, 0, 1, 0, 8, 0, 0] + [UInt8](repeating: 0, count: 8)
    #expect(write(connection, records, records.count) == records.count)
    close(connection)
    #expect(try Answer(curl.finish().output).body == "mine")
  }

  // MARK: - In the workers' place

  private static func start(_ arguments: [String], _ path: String, _ cluster: Cluster) throws
    -> ChildProcess
  {
    try ChildProcess(
      "/usr/bin/curl",
      ["-sS", "-i", "--max-time", "30"] + cluster.reaching + arguments + [cluster.url(path)])
  }

  /// nginx's next connection to the workers, if there is one within so many seconds.
  private static func accept(_ cluster: Cluster, seconds: Int32 = 20) -> Int32? {
    var pending = pollfd(fd: cluster.socket, events: Int16(POLLIN), revents: 0)
    guard poll(&pending, 1, seconds * 1000) > 0 else { return nil }
    let connection = Glibc.accept(cluster.socket, nil, nil)
    return connection >= 0 ? connection : nil
  }

  /// What arrives until the empty record that ends the request's body.
  private static func received(_ connection: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while !bytes.suffix(8).elementsEqual([1, 5, 0, 1, 0, 0, 0, 0]) {
      var ready = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, 20_000) > 0 else { break }
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return bytes
  }
}
