import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

/// How much nginx lets through from one address. The clients' addresses come from the load balancer that these tests are.
@Suite struct NginxLimitTests {
  private static let webhooks = "/api/v1/webhooks/github"

  /// The site file with small limits.
  private static func cluster(_ edits: [(String, String)]) throws -> Cluster {
    try Cluster(
      workerCount: 1, settings: ["GITHUB_WEBHOOK_SECRET": "a secret of some length"],
      edit: {
        site in
        try site.switchOn("BEHIND A LOAD BALANCER")
        try site.replace("192.0.2.10", with: "127.0.0.1")
        for (old, new) in edits { try site.replace(old, with: new) }
        // What is held stays for the whole test.
        try site.replace(
          "client_body_timeout   10s", with: "client_body_timeout 60s",
          in: "runner-token-service.locations.conf")
      })
  }

  private static func from(_ address: String) -> String { "X-Forwarded-For: \(address)" }

  @Test func `an address that asks too often is told to wait, and no other`() throws {
    let cluster = try Self.cluster([
      ("rate=20r/s", "rate=1r/m"),
      ("zone=token_service_callers  burst=200", "zone=token_service_callers burst=2"),
      ("rate=100r/s", "rate=1r/m"), ("burst=500", "burst=1"),
    ])
    func get(_ address: String, _ path: String = "/health") throws -> Answer {
      try cluster.get(path, headers: [Self.from(address)])
    }
    for _ in 0..<3 { #expect(try get("192.0.2.1").status == 200) }
    let refused = try get("192.0.2.1")
    #expect(refused.problem == "429 RATE_LIMITED")
    #expect(refused.header("Retry-After") == "5")
    #expect(try get("192.0.2.2").status == 200)
    // An empty body to the webhooks is not signed, but is asked for that: another limit.
    func webhook() throws -> Int {
      try cluster.post(Self.webhooks, "{}", headers: [Self.from("192.0.2.1")]).status
    }
    #expect(try [webhook(), webhook(), webhook()] == [401, 401, 429])

    // In IPv6 it is the network that counts.
    for host in 1...3 { #expect(try get("2001:db8:0:1::\(host)").status == 200) }
    #expect(try get("2001:db8:0:1:ffff::4").problem == "429 RATE_LIMITED")
    #expect(try get("2001:db8:0:2::1").status == 200)
  }

  @Test func `an address on the list has no limits`() throws {
    let cluster = try Cluster(
      workerCount: 1,
      edit: { site in
        try site.switchOn("Addresses without limits")
        try site.replace("192.0.2.64/26", with: "127.0.0.1")
        try site.replace("rate=20r/s", with: "rate=1r/m")
        try site.replace("burst=200", with: "burst=1")
      })
    for _ in 0..<5 { #expect(try cluster.get("/health").status == 200) }
  }

  @Test func `an address has so many requests at a time`() throws {
    let cluster = try Self.cluster([
      ("token_service_clients               100", "token_service_clients 2")
    ])
    let path = "/api/v1/runners/provision"
    let held = try (0..<2).map { _ in
      try HeldUpload(cluster, path, headers: [Self.from("192.0.2.1")])
    }
    defer { for upload in held { upload.stop() } }
    let refused = try cluster.get("/health", headers: [Self.from("192.0.2.1")])
    #expect(refused.problem == "429 RATE_LIMITED")
    #expect(try cluster.get("/health", headers: [Self.from("192.0.2.2")]).status == 200)
    held[0].stop()
    let isFree = try eventually(seconds: 20) {
      try cluster.get("/health", headers: [Self.from("192.0.2.1")]).status == 200
    }
    #expect(isFree)
  }

  @Test
  func `large webhooks are few at a time, from one address and in all, and small ones go past`()
    throws
  {
    let cluster = try Self.cluster([
      ("token_service_large_webhook_senders 8", "token_service_large_webhook_senders 1"),
      ("token_service_large_webhooks        16", "token_service_large_webhooks 2"),
    ])
    let file = cluster.directory.file("large")
    try String(repeating: "x", count: 200_000).write(
      toFile: file, atomically: true, encoding: .utf8)
    func large(_ address: String) throws -> Int {
      try cluster.curl(
        ["--data-binary", "@" + file], Self.webhooks,
        headers: [Self.from(address), "Content-Type: application/json", "Expect:"]
      ).status
    }
    #expect(try large("192.0.2.1") == 401)
    let first = try HeldUpload(cluster, Self.webhooks, headers: [Self.from("192.0.2.1")])
    defer { first.stop() }
    #expect(try large("192.0.2.1") == 429)
    #expect(try large("192.0.2.2") == 401)
    let second = try HeldUpload(cluster, Self.webhooks, headers: [Self.from("192.0.2.2")])
    defer { second.stop() }
    #expect(try large("192.0.2.3") == 429)
    for address in ["192.0.2.1", "192.0.2.3"] {
      let small = try cluster.post(Self.webhooks, "{}", headers: [Self.from(address)])
      #expect(small.problem == "401 INVALID_SIGNATURE")
      #expect(try cluster.get("/health", headers: [Self.from(address)]).status == 200)
    }
  }

  @Test func `who is slow to send is hung up on`() throws {
    let cluster = try Cluster(
      workerCount: 1,
      edit: { site in
        for file in ["runner-token-service.locations.conf", NginxSite.name, "unknown_hosts.conf"] {
          try site.replace("client_header_timeout 10s", with: "client_header_timeout 1s", in: file)
        }
        try site.replace(
          "client_body_timeout   10s", with: "client_body_timeout 1s",
          in: "runner-token-service.locations.conf")
      })
    let body = try HeldUpload(cluster, "/api/v1/runners/provision")
    let isOver = body.waitForEnd(seconds: 20)
    #expect(isOver)
    // A connection on which nothing is said, before TLS has begun.
    let silent = try ChildProcess(
      "/bin/bash",
      ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(cluster.port); timeout 20 cat <&3"])
    #expect(silent.finish().status == 0)
    #expect(try cluster.get("/health").status == 200)
  }
}

/// A request whose body nginx waits for.
private final class HeldUpload {
  private let client: ChildProcess
  private var input: [Int32] = [-1, -1]

  /// Returns once nginx has let the request in, and told it to send its body.
  init(_ cluster: Cluster, _ path: String, headers: [String] = []) throws {
    try #require(pipe(&input) == 0)
    let answer = cluster.directory.file("upload-\(UUID().uuidString)")
    let server = "-connect 127.0.0.1:\(cluster.port) -servername \(Cluster.siteName)"
    client = try ChildProcess(
      "/bin/bash", ["-c", "exec openssl s_client -quiet \(server) >\(answer)"], input: input[0])
    close(input[0])
    let lines =
      ["POST \(path) HTTP/1.1", "Host: \(Cluster.siteName)"] + headers
      + ["Transfer-Encoding: chunked", "Expect: 100-continue", "", ""]
    let request = Array(lines.joined(separator: "\r\n").utf8)
    try #require(write(input[1], request, request.count) == request.count)
    let isHeld = try eventually(seconds: 20) {
      // It is not there before the client is.
      guard FileManager.default.fileExists(atPath: answer) else { return false }
      return try String(contentsOfFile: answer, encoding: .utf8).hasPrefix("HTTP/1.1 100 ")
    }
    try #require(isHeld)
  }

  func waitForEnd(seconds: Int) -> Bool { client.waitForEnd(seconds: seconds) }

  func stop() {
    client.stop()
    if input[1] >= 0 { close(input[1]) }
    input[1] = -1
  }

  deinit { stop() }
}
