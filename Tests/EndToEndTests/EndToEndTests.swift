import Foundation
import Glibc
import GRDB
import Runners
import StrictJSON
import TestSupport
import Testing

@testable import Storage

/// Through nginx, TLS and real processes. One at a time: each starts a cluster of its own.
@Suite(.serialized) struct EndToEndTests {
  let provisionPath = "/api/v1/runners/provision"

  func database(_ cluster: Cluster) throws -> Storage.Database {
    try Storage.Database(path: cluster.directory.file("service.db")) { Timestamp(Date()) }
  }

  @Test func `a runner lives its whole life`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    let provisioned = try cluster.post(
      provisionPath, #"{"runner_name_prefix":"ci","labels":["gpu","ubuntu-22.04"]}"#, token: alice)
    #expect(provisioned.status == 201)
    let body = try provisioned.object
    let name = try #require(body["runner_name"]?.string)
    let token = try #require(body["registration_token"]?.string)
    #expect(provisioned.header("Cache-Control") == "no-store")
    #expect(provisioned.header("X-Content-Type-Options") == "nosniff")
    let requestID = try #require(provisioned.header("X-Request-ID"))

    let runner = "/api/v1/runners/\(name)"
    func refreshed() throws -> JSONObject {
      try cluster.curl(["-X", "POST"], runner + "/refresh", token: alice).object
    }
    try cluster.simulate(
      "/control/runners/register",
      #"{"token":"\#(token)","name":"\#(name)","labels":["gpu","ubuntu-22.04"],"ephemeral":true}"#)
    try cluster.simulate("/control/runners/\(name)/status", #"{"status":"online"}"#)
    #expect(try refreshed()["status"] == .string("active"))
    try cluster.simulate("/control/runners/\(name)/job", #"{"action":"start"}"#)
    #expect(try refreshed()["busy"] == .bool(true))
    #expect(try cluster.curl(["-X", "DELETE"], runner, token: alice).problem == "409 RUNNER_BUSY")
    try cluster.simulate("/control/runners/\(name)/job", #"{"action":"finish"}"#)
    #expect(try refreshed()["status"] == .string("deleted"))

    let lines = try cluster.auditLines()
    #expect(
      lines.prefix(2).map { $0["event_type"]?.string } == ["provision_requested", "provision"])
    #expect(lines[1]["request_id"] == .string(requestID))
    #expect(lines[1]["request_ip"] == .string("127.0.0.1"))
    let ids = lines.compactMap { $0["id"]?.integer }
    #expect(ids == ids.sorted() && Set(ids).count == lines.count)
  }

  @Test func `the shell's way gets the bare token`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    let answer = try cluster.post(
      provisionPath, #"{"runner_name_prefix":"ci","labels":["gpu","ubuntu-22.04"]}"#,
      token: alice, headers: ["Accept: text/plain"])
    #expect(answer.status == 201)
    #expect(answer.body.wholeMatch(of: /[A-Z0-9]{29}\n/) != nil)

    let form = try cluster.curl(["-d", "{}"], provisionPath, token: alice)
    #expect(form.problem == "415 UNSUPPORTED_MEDIA_TYPE")
    #expect(form.body.contains("Content-Type: application/json"))
  }

  @Test func `a JIT runner lives from its script to its last job`() throws {
    let cluster = try Cluster(workerCount: 1)
    let alice = try cluster.token("alice")
    let answer = try cluster.post(
      "/api/v1/runners/jit", #"{"runner_name":"jit-1","labels":["gpu"]}"#, token: alice,
      headers: ["Accept: text/x-shellscript"])
    #expect(answer.status == 201)
    let machine = try TemporaryDirectory()
    let stub = "#!/bin/sh\nprintf '%s' \"$ACTIONS_RUNNER_INPUT_JITCONFIG\"\n"
    try stub.write(toFile: machine.file("run.sh"), atomically: true, encoding: .utf8)
    #expect(chmod(machine.file("run.sh"), 0o755) == 0)
    try answer.body.write(toFile: machine.file("start"), atomically: true, encoding: .utf8)
    let start = try ChildProcess("/bin/sh", ["start"], directory: machine.path)
    let (status, output) = start.finish()
    #expect(status == 0)
    let config = String(decoding: output, as: UTF8.self)
    try cluster.simulate("/control/runners/connect", #"{"encoded_jit_config":"\#(config)"}"#)
    try cluster.simulate("/control/runners/jit-1/job", #"{"action":"start"}"#)

    let runner = "/api/v1/runners/jit-1"
    #expect(try cluster.curl(["-X", "DELETE"], runner, token: alice).problem == "409 RUNNER_BUSY")
    let wish = try cluster.curl(["-X", "DELETE"], runner + "?force=true", token: alice)
    #expect(wish.status == 202)
    #expect(try wish.object["removal_requested_at"]?.string != nil)
    try cluster.simulate("/control/runners/jit-1/job", #"{"action":"finish"}"#)
    let gone = try cluster.curl(["-X", "POST"], runner + "/refresh", token: alice)
    #expect(try gone.object["status"] == .string("deleted"))
  }

  @Test func `two users cannot see each other's runners`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    let bob = try cluster.token("bob")
    #expect(
      try cluster.post(provisionPath, #"{"runner_name":"ci-1"}"#, token: alice).status == 201)
    #expect(try cluster.get("/api/v1/runners/ci-1", token: alice).status == 200)
    #expect(try cluster.get("/api/v1/runners/ci-1", token: bob).problem == "404 RUNNER_NOT_FOUND")
    #expect(
      try cluster.curl(["-X", "DELETE"], "/api/v1/runners/ci-1", token: bob).problem
        == "404 RUNNER_NOT_FOUND")
    #expect(try cluster.get("/api/v1/runners", token: bob).object["total"] == .integer(0))
    #expect(try cluster.get("/api/v1/runners", token: alice).object["total"] == .integer(1))
    #expect(try cluster.get("/api/v1/runners").problem == "401 UNAUTHENTICATED")
  }

  @Test func `thirty callers who want one name get one token`() throws {
    let cluster = try Cluster()
    let load = try cluster.startLoad(
      30, provisionPath, token: cluster.token("alice"), body: #"{"runner_name":"ci-1"}"#,
      parallel: 30)
    #expect(load.statuses() == ["201": 1, "409": 29])
    #expect(try cluster.state()["registration_tokens_issued"] == .integer(1))
  }

  @Test func `GitHub down is told with a time to wait, and nothing stays reserved`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    cluster.stopSimulator()
    let refused = try cluster.post(provisionPath, #"{"runner_name":"ci-1"}"#, token: alice)
    #expect(refused.problem == "503 GITHUB_UNAVAILABLE")
    #expect(refused.header("Retry-After").flatMap { Int($0) } ?? 0 > 0)
    let live = try database(cluster).read {
      try Int.fetchOne($0.database, sql: "SELECT count(*) FROM runners WHERE status <> 'deleted'")
    }
    #expect(live == 0)
    try cluster.startSimulator()
    // The token is still good: its key is known, though a simulator that was started anew has others.
    let isBack = try eventually(seconds: 10) {
      try cluster.post(provisionPath, #"{"runner_name":"ci-1"}"#, token: alice).status == 201
    }
    #expect(isBack)
  }

  @Test func `the identity provider down is a 503 and not a 401`() throws {
    let cluster = try Cluster(
      settings: ["OIDC_JWKS_URL": "http://127.0.0.1:1/jwks"], readyPath: "/health")
    let answer = try cluster.post(
      provisionPath, #"{"runner_name":"ci-1"}"#, token: cluster.token("alice"))
    #expect(answer.problem == "503 IDENTITY_PROVIDER_UNAVAILABLE")
    #expect(answer.header("Retry-After") == "5")
    let readiness = try cluster.get("/health/ready")
    #expect(readiness.status == 503)
    #expect(try readiness.object["checks"]?.object?["oidc_keys"] == .string("failed"))
  }

  @Test func `what nginx lets through is judged by the service, and the rest by nginx`() throws {
    let cluster = try Cluster()
    let alice = try cluster.token("alice")
    let big = #"{"runner_name":"\#(String(repeating: "x", count: 70_000))"}"#
    let file = cluster.directory.file("big.json")
    try big.write(toFile: file, atomically: true, encoding: .utf8)
    let tooLarge = try cluster.curl(
      ["--data-binary", "@" + file], provisionPath, token: alice,
      headers: ["Content-Type: application/json"])
    #expect(tooLarge.problem == "413 BODY_TOO_LARGE")

    let chunked = try cluster.post(
      provisionPath, #"{"runner_name":"chunked"}"#, token: alice,
      headers: ["Transfer-Encoding: chunked"])
    #expect(chunked.status == 201)

    let head = try cluster.curl(["--head"], "/health")
    #expect(head.status == 200)
    #expect(head.body.isEmpty)

    for path in ["/api/v1/%72unners", "//health", "/health/../health", "/health%2f"] {
      let answer = try cluster.get(path, token: alice)
      #expect(answer.problem == "400 BAD_REQUEST", "\(path)")
    }
    let method = try cluster.curl(["-X", "PUT"], "/health")
    #expect(method.problem == "405 METHOD_NOT_ALLOWED")
    #expect(method.header("Allow") == "GET, HEAD")

    let twoTokens = try cluster.curl(
      [], "/api/v1/auth/me", headers: ["Authorization: Bearer a", "Authorization: Bearer b"])
    #expect(twoTokens.problem == "400 BAD_REQUEST")
    #expect(twoTokens.header("X-Request-ID") != nil)
    let trace = try cluster.curl(["-X", "TRACE"], "/health")
    #expect(trace.problem == "405 METHOD_NOT_ALLOWED")
    #expect(trace.header("Allow") != nil)
    let long = try cluster.get("/" + String(repeating: "a", count: 20_000))
    #expect(long.problem == "400 BAD_REQUEST")
    let outside = try cluster.get("/../health")
    #expect(outside.problem == "400 BAD_REQUEST")
    #expect(try cluster.get("/.problem/too-long").problem == "404 NOT_FOUND")
    let clear = try ChildProcess.run(
      "/usr/bin/curl", ["-sS", "-i", "--max-time", "10", "http://127.0.0.1:\(cluster.port)/"])
    #expect(try Answer(clear).problem == "400 BAD_REQUEST")
  }

  @Test func `what a client says about its address or its tools cannot mislead the audit log`()
    throws
  {
    let cluster = try Cluster()
    let answer = try cluster.post(
      provisionPath, #"{"runner_name":"ci-1"}"#, token: cluster.token("alice"),
      headers: [
        "X-Forwarded-For: 203.0.113.9", "X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9",
        "User-Agent: \u{1B}[2J\u{202E}evil", "Proxy: http://203.0.113.9",
      ])
    #expect(answer.status == 201)
    let bytes = try Data(
      contentsOf: URL(fileURLWithPath: cluster.directory.file("audit.jsonl")))
    #expect(bytes.range(of: Data("203.0.113.9".utf8)) == nil)
    #expect(bytes.allSatisfy { $0 == 0x0A || (0x20..<0x7F).contains($0) })
    #expect(try cluster.auditLines()[1]["user_agent"] == .string("\u{1B}[2J\u{202E}evil"))
  }
}
