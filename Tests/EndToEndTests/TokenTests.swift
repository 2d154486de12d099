import Foundation
import StrictJSON
import TestSupport
import Testing

/// What an admin and a caller see of tokens, through the real programs.
@Suite struct TokenTests {
  private let provisionPath = "/api/v1/runners/provision"

  @Test func `a token is good for one runner, whichever worker gets it`() throws {
    let cluster = try Cluster(settings: ["OIDC_SINGLE_USE_TOKENS": "true"])
    let token = try cluster.token("alice", #"{"sub":"alice","jti":"t-1"}"#)
    let load = try cluster.startLoad(
      30, provisionPath, token: token, body: #"{"runner_name_prefix":"ci"}"#, parallel: 30)
    #expect(load.statuses() == ["201": 1, "401": 29])
    #expect(try cluster.state()["registration_tokens_issued"] == .integer(1))
    let other = try cluster.token("alice", #"{"sub":"alice","jti":"t-2"}"#)
    let answer = try cluster.post(provisionPath, #"{"runner_name":"ci-2"}"#, token: other)
    #expect(answer.status == 201)
    // And check-token says why.
    let used = try cluster.command(["check-token"], input: other)
    #expect(used.status == 1)
    #expect(used.text.contains("FAILED  not used before"))
    #expect(used.text.contains("get a new one for each"))
    let unused = try cluster.token("alice", #"{"sub":"alice","jti":"t-3"}"#)
    let outcome = try cluster.command(["check-token"], input: unused)
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("ok      not used before"))
  }

  @Test func `check-token goes through the checks of a token that is accepted`() throws {
    let cluster = try Cluster(workerCount: 1, settings: ["ADMIN_IDENTITIES": "alice@example.com"])
    let token = try cluster.token("alice")
    let outcome = try cluster.command(["check-token"], input: "Bearer \(token)\n")
    #expect(outcome.status == 0)
    let lines = outcome.text.split(separator: "\n").map(String.init)
    #expect(
      lines.filter { $0.hasPrefix("ok ") } == [
        "ok      size", "ok      form", "ok      algorithm", "ok      payload", "ok      issuer",
        "ok      type", "ok      key", "ok      signature", "ok      claim names",
        "ok      times", "ok      audience", "ok      subject", "ok      token id",
        "ok      required claims",
      ])
    #expect(
      lines.suffix(5) == [
        "The token is accepted.", "provider  default", "identity  alice@example.com",
        "subject   alice", "admin     yes",
      ])
    #expect(!outcome.text.contains(token))
  }

  @Test func `check-token names the check that a token fails, and what it says`() throws {
    let cluster = try Cluster(workerCount: 1)
    let token = try cluster.token("x", #"{"sub":"x","aud":"elsewhere","name":"\u001b[31m"}"#)
    let outcome = try cluster.command(["check-token"], input: token)
    #expect(outcome.status == 1)
    #expect(outcome.text.contains("\nok      times\nFAILED  audience\n-       subject\n"))
    #expect(outcome.text.contains("ask for one with the audience runner-token-service."))
    #expect(outcome.text.contains(#""aud":"elsewhere""#))
    // What strangers wrote must not reach the terminal as it is.
    #expect(!outcome.text.contains("\u{1B}"))
    #expect(!outcome.text.contains(token))
    #expect(try cluster.get("/api/v1/auth/me", token: token).status == 401)
  }

  @Test func `check-token holds a token against one provider of several`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("providers.json")
    let cluster = try Cluster(
      workerCount: 1,
      settings: ["OIDC_PROVIDERS_FILE": path, "OIDC_ISSUER": "", "OIDC_AUDIENCE": ""]
    ) { simulatorPort in
      try #"""
      {"providers": [
        {"name": "people", "issuer": "http://127.0.0.1:\#(simulatorPort)/oidc",
         "audiences": ["runner-token-service"], "identity_claim": "sub"},
        {"name": "machines", "issuer": "http://127.0.0.1:1/machines",
         "audiences": ["runner-token-service"]}
      ]}
      """#.write(toFile: path, atomically: true, encoding: .utf8)
    }
    let token = try cluster.token("alice")
    #expect(try cluster.command(["check-token"], input: token).status == 0)
    #expect(
      try cluster.command(["check-token", "--provider", "people"], input: token).status == 0)
    let other = try cluster.command(["check-token", "--provider", "machines"], input: token)
    #expect(other.status == 1)
    #expect(other.text.contains("FAILED  issuer"))
    #expect(other.text.contains("get one from http://127.0.0.1:1/machines."))
    #expect(try cluster.command(["check-token", "--provider", "x"], input: token).status == 64)
    // The worker serves although the second provider is down.
    #expect(
      try cluster.get("/api/v1/auth/me", token: token).object["identity"] == .string("alice"))
    #expect(
      try cluster.get("/health/ready").object["checks"]?.object?["oidc_keys_machines"]
        == .string("degraded"))
  }

  @Test func `check-token without a token, or with a provider that is down, says so`() throws {
    let cluster = try Cluster(workerCount: 1)
    #expect(try cluster.command(["check-token"], input: " \n").status == 64)
    let token = try cluster.token("alice")
    cluster.stopSimulator()
    let outcome = try cluster.command(["check-token"], input: token)
    #expect(outcome.status == 1)
    #expect(outcome.text.contains("FAILED  key"))
    #expect(outcome.text.contains("callers get 503"))
  }
}
