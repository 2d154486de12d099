import Foundation
import StrictJSON
import TestSupport
import Testing

/// Webhooks through nginx, with the signatures of the simulator or of the openssl program.
@Suite struct WebhookTests {
  private static let path = "/api/v1/webhooks/github"
  private static let secret = "a secret of some length"

  private func cluster() throws -> Cluster {
    try Cluster(workerCount: 2, settings: ["GITHUB_WEBHOOK_SECRET": Self.secret])
  }

  /// Sends a body from a file, as GitHub would.
  private func deliver(
    _ body: [UInt8], event: String, id: String = UUID().uuidString, signature: String? = nil,
    _ cluster: Cluster
  ) throws -> Answer {
    let file = cluster.directory.file("webhook-\(UUID().uuidString)")
    try Data(body).write(to: URL(fileURLWithPath: file))
    return try cluster.curl(
      ["--data-binary", "@" + file], Self.path,
      headers: [
        "Content-Type: application/json", "X-GitHub-Event: \(event)", "X-GitHub-Delivery: \(id)",
        "X-Hub-Signature-256: \(try signature ?? sign(file))", "Expect:",
      ])
  }

  private func sign(_ file: String) throws -> String {
    let output = try ChildProcess.run(
      "/usr/bin/openssl", ["dgst", "-sha256", "-hmac", Self.secret, "-r", file])
    let hash = try #require(String(decoding: output, as: UTF8.self).split(separator: " ").first)
    return "sha256=\(hash)"
  }

  @Test func `a webhook moves a runner to active at once, and a wrong signature does nothing`()
    throws
  {
    let cluster = try cluster()
    let token = try cluster.token("alice")
    let answer = try cluster.post(
      "/api/v1/runners/provision", #"{"runner_name":"ci-1","labels":["gpu"]}"#, token: token)
    let registration = try #require(try answer.object["registration_token"]?.string)
    try cluster.simulate(
      "/control/runners/register",
      #"{"token":"\#(registration)","name":"ci-1","labels":["gpu"],"ephemeral":true}"#)
    try cluster.simulate("/control/runners/ci-1/status", #"{"status":"online"}"#)
    try cluster.simulate("/control/runners/ci-1/job", #"{"action":"start"}"#)
    let sent = try #require(
      try cluster.simulate(
        "/control/webhooks",
        #"{"secret":"\#(Self.secret)","event":"workflow_job","action":"in_progress","runner":"ci-1"}"#
      ))
    let body = Array(try #require(sent["body"]?.string).utf8)
    let id = try #require(sent["delivery"]?.string)
    let signature = try #require(sent["signature"]?.string)

    let records = try cluster.auditLines().count
    var changed = body
    changed[changed.count - 1] = UInt8(ascii: " ")
    for attack in [changed, body + [UInt8(ascii: "\n")], Array(body.dropLast())] {
      let refused = try deliver(
        attack, event: "workflow_job", id: id, signature: signature, cluster)
      #expect(refused.problem == "401 INVALID_SIGNATURE")
      #expect(refused.header("WWW-Authenticate") == nil)
    }
    #expect(
      try cluster.get("/api/v1/runners/ci-1", token: token).object["status"] == .string("pending"))
    #expect(try cluster.auditLines().count == records)

    for outcome in ["processed", "already processed"] {
      let taken = try deliver(body, event: "workflow_job", id: id, signature: signature, cluster)
      #expect(taken.status == 200)
      #expect(try taken.object["outcome"]?.string == outcome)
    }
    let runner = try cluster.get("/api/v1/runners/ci-1", token: token).object
    #expect(runner["status"] == .string("active"))
    #expect(runner["busy"] == .bool(true))
    let log = try String(contentsOfFile: cluster.directory.file("worker.log"), encoding: .utf8)
    #expect(log.contains("INVALID_SIGNATURE"))
    #expect(!log.contains(Self.secret))
  }

  @Test func `a webhook may have 25 MiB, and nothing else more than 64 KiB`() throws {
    let cluster = try cluster()
    let limit = 25 << 20
    // The largest that there may be, of an event that is not looked into, and a large one that is.
    let largest = [UInt8](repeating: UInt8(ascii: "x"), count: limit)
    #expect(try deliver(largest, event: "push", cluster).status == 202)
    let large = Array((#"{"zen":""# + String(repeating: "x", count: 1 << 20) + "\"}").utf8)
    #expect(try deliver(large, event: "ping", cluster).status == 200)
    var changed = large
    changed[100] = UInt8(ascii: "y")
    let file = cluster.directory.file("large")
    try Data(large).write(to: URL(fileURLWithPath: file))
    let refused = try deliver(changed, event: "ping", signature: sign(file), cluster)
    #expect(refused.problem == "401 INVALID_SIGNATURE")

    let over = try deliver(
      largest + [UInt8(ascii: "x")], event: "push",
      signature: "sha256=" + String(repeating: "0", count: 64), cluster)
    #expect(over.problem == "413 BODY_TOO_LARGE")
    let elsewhere = try cluster.curl(
      ["--data-binary", "@" + file], "/api/v1/runners/provision",
      token: try cluster.token("alice"), headers: ["Content-Type: application/json"])
    #expect(elsewhere.problem == "413 BODY_TOO_LARGE")
    // Everybody else is still served.
    #expect(try cluster.get("/health").status == 200)
  }

  @Test func `without a secret there is no such endpoint, and large bodies are not taken`() throws {
    let cluster = try Cluster(workerCount: 1)
    let answer = try deliver(
      Array("{}".utf8), event: "ping", signature: "sha256=", cluster)
    #expect(answer.problem == "404 NOT_FOUND")
    // The answer arrives though the worker has not read the body to its end, each time.
    let large = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
    for _ in 0..<20 {
      let refused = try deliver(large, event: "ping", signature: "sha256=", cluster)
      #expect(refused.problem == "404 NOT_FOUND")
    }
    #expect(try cluster.get("/health").status == 200)
  }
}
