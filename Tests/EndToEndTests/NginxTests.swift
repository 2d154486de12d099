import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

/// What nginx adds, answers and hides by itself.
@Suite struct NginxTests {
  private static let common = [
    "strict-transport-security": "max-age=63072000",
    "x-frame-options": "DENY", "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  ]

  private static let forData = "default-src 'none'; frame-ancestors 'none'"

  @Test func `every answer has its headers once, be it the service's or nginx's own`() throws {
    let cluster = try Cluster(workerCount: 1)
    let alice = try cluster.token("alice")
    let long = "/" + String(repeating: "a", count: 20_000)
    let answers = [
      try cluster.get("/health"),
      try cluster.get("/api/v1/auth/me", token: alice),
      try cluster.get("/api/v1/auth/me"),
      try cluster.get("/api/v1/admin/label-policies", token: alice),
      try cluster.curl(["-X", "TRACE"], "/health"),
      try cluster.curl(["--http1.1"], long),
      try cluster.get("/.problem/malformed-request"),
      try cluster.get("/docs/absent.html"),
    ]
    #expect(answers.map(\.status) == [200, 200, 401, 403, 405, 414, 404, 404])
    for answer in answers {
      for (name, value) in Self.common { #expect(answer.headers(name) == [value], "\(name)") }
      #expect(answer.headers("Content-Security-Policy") == [Self.forData])
      #expect(answer.headers("Cache-Control") == ["no-store"])
      #expect(answer.headers("X-Request-ID").count == 1)
      #expect(answer.header("Server") == "nginx")
    }
  }

  @Test func `nginx's own problems have the members of the service's`() throws {
    // Statuses that nginx answers with by itself, some of which only a full disk brings about.
    let codes = [
      400, 403, 404, 405, 411, 412, 413, 414, 415, 416, 421, 429, 431, 494, 495, 496, 497, 500, 501,
      502, 503, 504, 505, 507,
    ]
    let cluster = try Cluster(
      workerCount: 1,
      edit: { site in
        try site.liftLimits()
        let locations = codes.map { "location = /code/\($0) { return \($0); }\n" }.joined()
        try site.replace(
          "location = /docs {", with: locations + "location = /docs {",
          in: "runner-token-service.locations.conf")
      })
    let model = try cluster.get("/nothing")
    #expect(model.problem == "404 NOT_FOUND")
    let members = Set(try model.object.members.map(\.name))
    let titles = [
      400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
      413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
      429: "Too Many Requests", 431: "Request Header Fields Too Large", 502: "Bad Gateway",
      503: "Service Unavailable", 504: "Gateway Timeout",
    ]
    for code in codes {
      let answer = try cluster.get("/code/\(code)")
      let body = try answer.object
      #expect(answer.header("Content-Type") == model.header("Content-Type"))
      #expect(Set(body.members.map(\.name)) == members, "\(code)")
      #expect(body["status"] == .integer(Int64(answer.status)))
      #expect(body["title"]?.string == titles[answer.status], "\(code)")
      #expect(body["request_id"]?.string == answer.header("X-Request-ID"))
      let mayComeBack = [429, 502, 503, 504].contains(answer.status)
      #expect((answer.header("Retry-After") != nil) == mayComeBack, "\(code)")
    }
  }

  /// What nginx refuses has a body that cannot be read either: an error while an error is answered.
  @Test(arguments: [
    ("POST", "/.problem/malformed-request"), ("TRACE", "/health"), ("POST", "/docs/"),
    ("POST", "/health"),
  ])
  func `a body in chunks that are none gets a problem wherever it is sent`(
    method: String, path: String
  ) throws {
    let cluster = try Cluster(workerCount: 1)
    for (chunk, status) in [("x", "400 BAD_REQUEST"), ("0", nil)] {
      let request =
        #"\#(method) \#(path) HTTP/1.1\r\nHost: \#(Cluster.siteName)\r\nConnection: close\r\n"#
        + #"Transfer-Encoding: chunked\r\n\r\n\#(chunk)\r\n\r\n"#
      let file = cluster.directory.file("answer")
      let server = "-connect 127.0.0.1:\(cluster.port) -servername \(Cluster.siteName)"
      let client = try ChildProcess(
        "/bin/bash",
        ["-c", "printf '\(request)' | openssl s_client -quiet -ign_eof \(server) >\(file)"])
      #expect(client.waitForEnd(seconds: 20))
      let answer = try String(contentsOfFile: file, encoding: .utf8)
      #expect(answer.contains("\r\nContent-Type: application/problem+json\r\n"))
      let text = answer.components(separatedBy: "\r\n\r\n")[1]
      let body = try #require(try JSONValue(parsing: Array(text.utf8)).object)
      let found = "\(body["status"]?.integer ?? 0) \(body["error_code"]?.string ?? "-")"
      // An honest body gets what the path and the method deserve.
      #expect(status.map { $0 == found } ?? (found != "400 BAD_REQUEST"))
    }
  }

  /// nginx hands all of it to the service in one record of at most 65,535 bytes, the query twice and each header with a longer
  /// name: what it takes from a client has to fit.
  @Test(arguments: ["--http1.1", "--http2"])
  func `a path and headers within their limits reach the service`(version: String) throws {
    let cluster = try Cluster(workerCount: 1, edit: { try $0.liftLimits() })
    let few = ["X-A: " + String(repeating: "a", count: 16_000)]
    // Each grows on the way. nginx by itself takes no more than a thousand.
    let many = (0..<960).map { "x\($0): 12345678" }
    for headers in [few, many] {
      let file = cluster.directory.file("headers")
      try headers.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
      let query = String(repeating: "q", count: 16_000)
      let answer = try cluster.curl([version, "-H", "@" + file], "/health?" + query)
      // In the service's own words.
      #expect(answer.status == 400 && answer.body.contains("4096 bytes"), "\(answer.body)")
    }
  }

  @Test func `longer ones are refused in words, and never told to try again`() throws {
    let cluster = try Cluster(workerCount: 1, edit: { try $0.liftLimits() })
    for (count, length) in [(1, 16_380), (2, 16_370), (3, 16_370), (4, 16_370), (8, 8_000)] {
      let file = cluster.directory.file("headers")
      let lines = (0..<count).map { "X-\($0): " + String(repeating: "a", count: length - 5) }
      try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
      let answer = try cluster.curl(["--http1.1", "-H", "@" + file], "/health")
      #expect(answer.status == (count < 3 ? 200 : 431), "\(count) \(length)")
      #expect(answer.header("Retry-After") == nil)
    }
    let long = try cluster.curl(["--http1.1"], "/health?" + String(repeating: "q", count: 16_400))
    #expect(long.problem == "414 BAD_REQUEST")
  }

  @Test func `the pages are shown under a strict policy, and only read`() throws {
    let cluster = try Cluster(workerCount: 1)
    let page = try cluster.get("/docs/")
    #expect(page.status == 200)
    #expect(page.header("Content-Type") == "text/html; charset=utf-8")
    for (name, value) in Self.common { #expect(page.headers(name) == [value], "\(name)") }
    let policy = try #require(page.header("Content-Security-Policy"))
    #expect(page.headers("Content-Security-Policy").count == 1)
    #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; "))
    #expect(policy.contains("frame-ancestors 'none'"))
    // Neither scripts nor styles in the page, and no eval.
    #expect(!policy.contains("unsafe-"))
    #expect(page.header("Permissions-Policy")?.contains("camera=()") == true)
    let script = try cluster.get("/docs/initializer.js")
    #expect(script.header("Content-Type") == "text/javascript; charset=utf-8")
    #expect(try cluster.get("/docs").header("Location") == "/docs/")

    for method in ["POST", "PUT", "DELETE"] {
      let refused = try cluster.curl(["-X", method], "/docs/index.html")
      #expect(refused.problem == "405 METHOD_NOT_ALLOWED")
      #expect(refused.header("Allow") == "GET, HEAD")
    }
    // Nothing outside the directory, and no list of what is in it.
    for path in ["/docs/..%2ffcgi.sock", "/docs../docs/index.html", "/docs/empty/"] {
      #expect(try cluster.get(path).status != 200, "\(path)")
    }

    // As where no pages were ever put.
    for path in ["/docs/absent.html", "/docs/empty/"] {
      let absent = try cluster.get(path)
      #expect(absent.problem == "404 NOT_FOUND")
      #expect(try absent.object["detail"]?.string?.contains("scripts/install-api-browser") == true)
    }
  }

  @Test func `without TLS only what carried no token is sent on`() throws {
    let cluster = try Cluster.ofNginxAlone()
    func plain(_ arguments: [String], _ path: String = "/health?x=1") throws -> Answer {
      try Answer(
        ChildProcess.run(
          "/usr/bin/curl",
          ["-sS", "-i", "--max-time", "10"] + cluster.reaching + arguments
            + ["http://\(Cluster.siteName):\(cluster.plainPort)\(path)"]))
    }
    for arguments in [[], ["--head"]] {
      let sent = try plain(arguments)
      #expect(sent.status == 308)
      #expect(sent.header("Location") == "https://\(Cluster.siteName)/health?x=1")
    }
    let withToken = ["-H", "Authorization: Bearer x"]
    for arguments in [
      withToken, withToken + ["--head"], ["-d", "{}"], ["-X", "DELETE"], ["-X", "OPTIONS"],
    ] {
      let refused = try plain(arguments)
      #expect(refused.status == 400)
      #expect(refused.header("Location") == nil)
      #expect(refused.header("Strict-Transport-Security") == nil)
      if !arguments.contains("--head") {
        #expect(refused.problem == "400 BAD_REQUEST")
        #expect(refused.body.contains("revoke it"))
      }
    }
  }

  @Test func `a host that nobody serves gets no answer, and no certificate`() throws {
    let cluster = try Cluster.ofNginxAlone()
    func status(_ arguments: [String]) throws -> Int32? {
      try ChildProcess("/usr/bin/curl", ["-sS", "-k", "--max-time", "10"] + arguments).finish()
        .status
    }
    // curl's own numbers: a failed handshake, and an empty reply.
    #expect(try status(["https://127.0.0.1:\(cluster.port)/docs/"]) == 35)
    let other = ["--resolve", "other.example.org:\(cluster.port):127.0.0.1"]
    #expect(try status(other + ["https://other.example.org:\(cluster.port)/docs/"]) == 35)
    #expect(try status(["http://127.0.0.1:\(cluster.plainPort)/docs/"]) == 52)
    // A connection that was made for a known host is no way to an unknown one.
    let crossed = try cluster.get("/docs/", headers: ["Host: other.example.org"])
    #expect(crossed.status == 421)
    #expect(!crossed.body.contains("doctype"))
    #expect(try cluster.get("/docs/").status == 200)
  }

  @Test func `the access log is JSON without what must stay secret`() throws {
    let cluster = try Cluster(workerCount: 1)
    let secret = "c2VjcmV0LXRoYXQtbXVzdC1zdGF5"
    let answer = try cluster.get(
      "/api/v1/runners?access_token=\(secret)&limit=1", token: secret,
      headers: [
        "X-Hub-Signature-256: sha256=\(secret)", "Cookie: \(secret)", "Referer: https://\(secret)",
        "User-Agent: \u{1B}[2J\"quoted\"",
      ])
    #expect(answer.status == 401)
    let id = try #require(answer.header("X-Request-ID"))
    let path = cluster.directory.file("runner-token-service.access.log")
    var log = ""
    // nginx writes the line after the answer.
    try #require(
      eventually(seconds: 20) {
        log = try String(contentsOfFile: path, encoding: .utf8)
        return log.contains(id)
      })
    #expect(!log.contains(secret))
    #expect(!log.contains("\u{1B}"))
    let lines = try log.split(separator: "\n").map {
      try #require(try JSONValue(parsing: Array($0.utf8)).object)
    }
    let line = try #require(lines.first { $0["request_id"]?.string == id })
    #expect(line["path"]?.string == "/api/v1/runners")
    #expect(line["status"]?.string == "401")
    #expect(line["service_status"]?.string == "401")
    #expect(line["user_agent"]?.string == "\u{1B}[2J\"quoted\"")
    #expect(line["protocol"]?.string == "HTTP/2.0")
  }
}
