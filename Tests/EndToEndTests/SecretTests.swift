import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

/// No secret is in anything that an admin, a backup or another process could read: known secrets go through every route
/// with the most talkative log, and then everything that was written is searched for them.
@Suite struct SecretTests {
  private static let webhookSecret = "webhook-secret-that-is-long-enough"

  @Test func `no secret is in a log, the database, the audit log or a process's arguments`() throws
  {
    let cluster = try Cluster(settings: [
      "LOG_LEVEL": "debug", "ADMIN_IDENTITIES": "root@example.com",
      "GITHUB_WEBHOOK_SECRET": Self.webhookSecret,
    ])
    let maintenance = try cluster.startMaintenance(settings: ["SYNC_INTERVAL_SECONDS": "10"])
    var secrets = [Self.webhookSecret]
    func secret(_ text: String?) throws { secrets.append(try #require(text)) }

    let alice = try cluster.token("alice")
    let root = try cluster.token("root")
    secrets += [alice, root]
    // A token that is refused says no more of itself.
    let broken = alice.dropLast(4) + "AAAA"
    secrets.append(String(broken))
    #expect(try cluster.get("/api/v1/auth/me", token: String(broken)).status == 401)

    let provision = "/api/v1/runners/provision"
    let first = try cluster.post(
      provision, #"{"runner_name":"ci-1","labels":["gpu"]}"#, token: alice)
    try secret(first.object["registration_token"]?.string)
    let script = try cluster.post(
      provision, #"{"runner_name":"ci-2","labels":["gpu"]}"#, token: alice,
      headers: ["Accept: text/x-shellscript"])
    try secret(
      script.body.firstMatch(of: #/ACTIONS_RUNNER_INPUT_TOKEN='?([A-Z0-9]{20,})/#)
        .map { String($0.output.1) })
    let jit = try cluster.post(
      "/api/v1/runners/jit", #"{"runner_name":"ci-3","labels":["gpu"]}"#, token: alice)
    try secret(jit.object["encoded_jit_config"]?.string)

    // GitHub's own words may quote what they like.
    try cluster.simulate(
      "/control/faults",
      #"{"path_contains":"registration-token","status":422,"body":"{\"message\":\"ghs_leaked_by_github\"}"}"#
    )
    secrets.append("ghs_leaked_by_github")
    #expect(try cluster.post(provision, #"{"runner_name":"ci-4"}"#, token: alice).status == 502)

    for path in [
      "/", "/health", "/health/ready", "/api/v1/runners", "/api/v1/runners/ci-1", "/api/v1/auth/me",
      "/api/v1/approvals/none", "/no-such-path",
    ] {
      _ = try cluster.get(path, token: alice)
    }
    for path in ["label-policies", "security-events", "audit-log", "runners", "approvals"] {
      #expect(try cluster.get("/api/v1/admin/" + path, token: root).status == 200)
    }
    #expect(try cluster.get("/api/v1/runner-groups", token: root).status == 200)
    _ = try cluster.curl(["-X", "POST"], "/api/v1/runners/ci-1/refresh", token: alice)
    _ = try cluster.curl(["-X", "DELETE"], "/api/v1/runners/ci-1?force=true", token: alice)
    _ = try cluster.post(
      "/api/v1/webhooks/github", "{}", headers: ["X-Hub-Signature-256: \(Self.webhookSecret)"])
    #expect(try eventually(seconds: 30) { try !cluster.logLines("maintain.log", "synced").isEmpty })

    let key = try String(contentsOfFile: cluster.directory.file("app.pem"), encoding: .utf8)
    secrets.append(try #require(key.split(separator: "\n").dropFirst().first.map(String.init)))

    for process in cluster.workers + [maintenance] {
      let arguments = try String(
        contentsOfFile: "/proc/\(process.id)/cmdline", encoding: .utf8)
      for secret in secrets { #expect(!arguments.contains(secret)) }
    }
    let files = [
      "worker.log", "maintain.log", "nginx.log", "audit.jsonl", "service.db", "service.db-wal",
      "runner-token-service.access.log", "runner-token-service.error.log",
    ]
    for file in files {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: cluster.directory.file(file)))
      for (index, secret) in secrets.enumerated() {
        let found = bytes.range(of: Data(secret.utf8)) != nil
        #expect(!found, "secret \(index) is in \(file)")
      }
    }
    // The search finds what is there.
    let audit = try Data(contentsOf: URL(fileURLWithPath: cluster.directory.file("audit.jsonl")))
    #expect(audit.range(of: Data("ci-1".utf8)) != nil)
    #expect(maintenance.stop() == 0)
  }
}
