import Concurrency
import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import github_simulator

@Suite struct JITTests {
  let world: World

  init() throws {
    world = try World(adminIdentities: ["root@example.com"])
  }

  private func send(_ method: String, _ path: String) throws -> Response {
    world.send(method, "/api/v1/runners" + path, token: try world.token())
  }

  private func config(_ response: Response) throws -> String {
    try #require(try response.object["encoded_jit_config"]?.string, "\(response.text)")
  }

  /// A file of the simulator's JIT config.
  private func file(_ name: String, of config: String) throws -> JSONObject {
    let files = try JSONValue(parsing: Array(try #require(Data(base64Encoded: config)))).object
    let content = try #require(files?[name]?.string.flatMap { Data(base64Encoded: $0) })
    return try #require(try JSONValue(parsing: Array(content)).object)
  }

  private func save(_ policy: LabelPolicy) throws {
    _ = try world.database.write {
      try $0.labelPolicies.save(policy, of: "alice@example.com", by: "test")
    }
  }

  // MARK: - The answer

  @Test func `a caller gets a JIT config that a machine connects with`() throws {
    let response = try world.provisionJIT()
    let body = try response.object
    #expect(response.status == 201)
    #expect(
      Set(body.members.map(\.name)) == [
        "runner_id", "runner_name", "encoded_jit_config", "expires_at", "labels",
        "runner_group_id", "run_command",
      ])
    #expect(body["labels"] == .array([.string("self-hosted"), .string("gpu")]))
    #expect(body["runner_group_id"] == .integer(1))
    let config = try config(response)
    #expect(
      body["run_command"] == .string("ACTIONS_RUNNER_INPUT_JITCONFIG='\(config)' ./run.sh"))
    let expiry = try #require(body["expires_at"]?.string.flatMap { Timestamp($0) })
    #expect(expiry == Timestamp(world.clock.date).adding(seconds: 3600))
    let id = try #require(body["runner_id"]?.string)
    #expect(response.header("Location") == "/api/v1/runners/\(id)")
    #expect(try file(".runner", of: config)["WorkFolder"] == .string("_work"))

    try world.control("POST", "/runners/connect", #"{"encoded_jit_config":"\#(config)"}"#)
    let refreshed = try send("POST", "/ci-1/refresh").object
    #expect(refreshed["status"] == .string("active"))
    #expect(refreshed["provisioning"] == .string("jit"))
  }

  @Test func `plain text is the bare config and a newline`() throws {
    let response = try world.provisionJIT(parameters: [("HTTP_ACCEPT", "text/plain")])
    #expect(response.header("Content-Type") == "text/plain; charset=utf-8")
    let config = String(response.text.dropLast())
    #expect(response.text.hasSuffix("\n"))
    try world.control("POST", "/runners/connect", #"{"encoded_jit_config":"\#(config)"}"#)
  }

  @Test func `the runner is stored with GitHub's id at once, and is pending until it connects`()
    throws
  {
    let response = try world.provisionJIT()
    let stored = try #require(try world.liveRunner("ci-1"))
    #expect(stored.githubRunnerID != nil)
    #expect(stored.status == .pending)
    #expect(try send("POST", "/ci-1/refresh").object["status"] == .string("pending"))
    try world.control("DELETE", "/runners/ci-1")
    #expect(
      try send("POST", "/ci-1/refresh").object["deletion_reason"] == .string("gone_at_github"))
    #expect(response.status == 201)
  }

  @Test func `the config is stored and logged nowhere`() throws {
    let config = try config(world.provisionJIT())
    #expect(try world.auditEvents() == ["provision_requested", "provision"])
    for file in ["audit.jsonl", "service.db", "service.db-wal"] {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: world.directory.file(file)))
      #expect(bytes.range(of: Data(config.prefix(64).utf8)) == nil, "\(file)")
    }
    #expect(!world.log.all.contains { $0.values.contains { $0.contains(config.prefix(64)) } })
  }

  // MARK: - The request

  @Test func `GitHub is told the group, the folder and the labels with self-hosted`() throws {
    let response = try world.provisionJIT(
      #"{"runner_name":"ci-1","labels":["GPU","Self-Hosted"],"work_folder":"jobs/a","ephemeral":true,"disable_update":false}"#
    )
    #expect(try file(".runner", of: config(response))["WorkFolder"] == .string("jobs/a"))
    let made = try #require(world.simulator.state.withLock { $0.runners["ci-1"] })
    #expect(made.groupID == 1)
    #expect(made.labels.map(\.name) == ["self-hosted", "gpu"])
    #expect(try world.liveRunner("ci-1")?.labels.map(\.description) == ["self-hosted", "GPU"])
  }

  @Test func `what GitHub does not do for JIT runners is refused, all at once`() throws {
    let response = try world.provisionJIT(
      #"{"runner_name":"ci-1","ephemeral":false,"disable_update":true,"work_folder":"../up","lables":[]}"#
    )
    #expect(response.problem == "422 VALIDATION_ERROR")
    let fields = try faults(response).map { String($0.prefix { $0 != ":" }) }
    #expect(fields == ["work_folder", "ephemeral", "disable_update", "lables"])
    #expect(world.calls("/actions/") == 0)
  }

  @Test func `a registration token has no work folder`() throws {
    let response = try world.provision(#"{"runner_name":"ci-1","work_folder":"jobs"}"#)
    #expect(
      try faults(response) == [
        "work_folder: is not a member of this request, which can have runner_name, runner_name_prefix, labels, runner_group_id, ephemeral, disable_update, approval_id"
      ])
  }

  @Test(arguments: [(99, "", 201), (100, "", 422), (99, #","self-hosted""#, 201)])
  func `a runner has a hundred labels, self-hosted among them`(
    count: Int, extra: String, status: Int
  ) throws {
    let labels = (0..<count).map { "\"l\($0)\"" }.joined(separator: ",") + extra
    let response = try world.provisionJIT(#"{"runner_name":"ci-1","labels":[\#(labels)]}"#)
    #expect(response.status == status)
  }

  @Test func `a runner may be called jit`() throws {
    #expect(try world.provisionJIT(#"{"runner_name":"jit"}"#).status == 201)
    #expect(try send("GET", "/jit").object["runner_name"] == .string("jit"))
    #expect(world.send("PUT", "/api/v1/runners/jit").header("Allow") == "DELETE, GET, HEAD, POST")
  }

  // MARK: - As with a registration token

  @Test func `a policy that wants JIT runners lets them through and nothing else`() throws {
    try save(LabelPolicy(allowedLabels: [.any], requiresJIT: true, requiresEphemeral: true))
    #expect(try world.provision().problem == "403 LABEL_POLICY_VIOLATION")
    #expect(try world.provisionJIT().status == 201)
  }

  @Test func `labels that the policy does not allow are refused`() throws {
    try save(LabelPolicy())
    let refused = try world.provisionJIT()
    #expect(refused.problem == "403 LABEL_POLICY_VIOLATION")
    #expect(try refused.object["invalid_labels"] == .array([.string("gpu")]))
    #expect(world.calls("/actions/") == 0)
    #expect(try world.provisionJIT(#"{"runner_name":"ci-1","labels":["linux"]}"#).status == 201)
  }

  @Test func `JIT runners count`() throws {
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 1))
    #expect(try world.provisionJIT().status == 201)
    #expect(
      try world.provisionJIT(#"{"runner_name":"ci-2"}"#).problem == "429 QUOTA_EXCEEDED")
    #expect(try world.provision(#"{"runner_name":"ci-2"}"#).problem == "429 QUOTA_EXCEEDED")
    #expect(try send("DELETE", "/ci-1").status == 204)
    #expect(!world.isAtGitHub("ci-1"))
    #expect(try world.provisionJIT(#"{"runner_name":"ci-2"}"#).status == 201)
  }

  @Test func `a JIT runner that never connected counts for as long as GitHub has it`() throws {
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 1))
    #expect(try world.provisionJIT().status == 201)
    world.clock.advance(by: 3661)
    let second = #"{"runner_name":"ci-2"}"#
    #expect(try world.provisionJIT(second).problem == "429 QUOTA_EXCEEDED")
    #expect(try world.liveRunner("ci-1")?.status == .offline)
    let calls = world.calls("/api/v3")
    #expect(try world.provisionJIT(second).problem == "429 QUOTA_EXCEEDED")
    #expect(world.calls("/api/v3") == calls)
  }

  @Test func `a token for one runner is used up by a JIT runner`() throws {
    let world = try World(hasSingleUseTokens: true)
    let token = try world.token("alice", #"{"sub":"alice","jti":"t-1"}"#)
    func provision(_ kind: String, _ name: String) -> Response {
      world.send(
        "POST", "/api/v1/runners/\(kind)", token: token, body: #"{"runner_name":"\#(name)"}"#)
    }
    world.fail("/generate-jitconfig", .cannotConnect("x"))
    #expect(provision("jit", "ci-1").problem == "503 GITHUB_UNAVAILABLE")
    world.heal()
    #expect(provision("jit", "ci-1").status == 201)
    #expect(provision("jit", "ci-2").problem == "401 INVALID_TOKEN")
    #expect(provision("provision", "ci-2").problem == "401 INVALID_TOKEN")
  }

  @Test func `a dry run tells of both kinds what would be decided, and does nothing`() throws {
    try save(LabelPolicy(allowedLabels: [.any], requiresJIT: true))
    let body = #"{"runner_name":"ci-1","labels":["gpu"]}"#
    func explain(_ kind: String, _ query: String = "", as subject: String = "alice") throws
      -> JSONObject
    {
      try world.send(
        "POST", "/api/v1/runners/\(kind)?dry_run=true\(query)", token: try world.token(subject),
        body: body
      ).object
    }
    #expect(try explain("provision")["allowed"] == .bool(false))
    let explained = try explain("jit")
    #expect(explained["allowed"] == .bool(true))
    let labels = try #require(explained["labels"]?.array).map { $0.object?["label"]?.string }
    #expect(labels == ["self-hosted", "gpu"])
    let other = try explain("jit", "&as=alice%40example.com", as: "root")
    #expect(other["allowed"] == .bool(true))
    #expect(try world.auditEvents() == ["policy_explained"])
    #expect(world.calls("/api/v3") == 0)
    #expect(try world.liveRunner("ci-1") == nil)
  }

  @Test func `an approval is for its kind and its work folder`() throws {
    try save(LabelPolicy(allowedLabels: [.any], requiresApproval: true))
    let wanted = #"{"runner_name":"ci-1","labels":["gpu"],"work_folder":"jobs""#
    let asked = try world.provisionJIT(wanted + "}")
    #expect(asked.status == 202)
    #expect(world.calls("/api/v3") == 0)
    let id = try #require(try asked.object["approval_id"]?.string)
    let list = try world.admin("GET", "/approvals").object["approvals"]?.array?.first?.object
    #expect(list?["request"]?.object?["work_folder"] == .string("jobs"))
    #expect(list?["request"]?.object?["provisioning"] == .string("jit"))
    #expect(try world.admin("POST", "/approvals/\(id)/approve", body: "{}").status == 200)

    let approval = #","approval_id":"\#(id)"}"#
    let others = [
      ("provision", #"{"runner_name":"ci-1","labels":["gpu"]"#),
      ("jit", #"{"runner_name":"ci-1","labels":["gpu"]"#),
      ("jit", #"{"runner_name":"ci-1","labels":["gpu"],"work_folder":"other""#),
    ]
    for (kind, body) in others {
      let response = world.send(
        "POST", "/api/v1/runners/\(kind)", token: try world.token(), body: body + approval)
      #expect(response.problem == "403 APPROVAL_NOT_VALID")
    }
    #expect(world.calls("/api/v3") == 0)
    #expect(try world.provisionJIT(wanted + approval).status == 201)
    #expect(try world.provisionJIT(wanted + approval).problem == "403 APPROVAL_NOT_VALID")
  }

  @Test func `an approval that is none asks nobody's GitHub about the name's holder`() throws {
    #expect(try world.provisionJIT().status == 201)
    let calls = world.calls("/api/v3")
    let response = try world.provisionJIT(
      #"{"runner_name":"ci-1","labels":["gpu"],"approval_id":"made-up"}"#)
    #expect(response.problem == "404 APPROVAL_NOT_FOUND")
    #expect(world.calls("/api/v3") == calls)
    let last = try #require(try world.auditLines().last)
    #expect(last["event_type"] == .string("provision_failed"))
    #expect(try world.provisionJIT().problem == "409 RUNNER_NAME_CONFLICT")
    #expect(world.calls("/api/v3") > calls)
  }
}
