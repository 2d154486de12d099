import Concurrency
import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing
import TokenService

@Suite struct ProvisionTests {
  @Test func `a caller gets a registration token, and only they can see it`() throws {
    let world = try World()
    let response = try world.provision()
    let body = try response.object
    #expect(response.status == 201)
    #expect(body["runner_name"] == .string("ci-1"))
    #expect(body["labels"] == .array([.string("gpu")]))
    #expect(body["ephemeral"] == .bool(true))
    #expect(body["runner_group_id"] == .integer(1))
    #expect(body["github_url"] == .string("http://127.0.0.1:9000/demo-org"))
    let token = try #require(body["registration_token"]?.string)
    #expect(
      body["configuration_command"]
        == .string(
          "ACTIONS_RUNNER_INPUT_TOKEN='\(token)' ./config.sh --unattended "
            + "--url 'http://127.0.0.1:9000/demo-org' --name 'ci-1' --labels 'gpu' --ephemeral"))
    let expiry = try #require(body["expires_at"]?.string.flatMap { Timestamp($0) })
    #expect(expiry == Timestamp(world.clock.date).adding(seconds: 3600))
    #expect(response.header("Cache-Control") == "no-store")
    #expect(response.header("X-Request-ID") == "0123456789abcdef")
    #expect(response.header("X-Content-Type-Options") == "nosniff")
    try world.control(
      "POST", "/runners/register", #"{"token":"\#(token)","name":"ci-1","labels":["gpu"]}"#)
  }

  @Test func `plain text is the bare token and a newline`() throws {
    let world = try World()
    let response = try world.provision(parameters: [("HTTP_ACCEPT", "text/plain")])
    #expect(response.status == 201)
    #expect(response.header("Content-Type") == "text/plain; charset=utf-8")
    #expect(response.text.wholeMatch(of: /[A-Z0-9]{29}\n/) != nil)
  }

  @Test(arguments: [
    "text/plain, application/json", "Text/Plain; charset=utf-8", "text/plain, */*",
    "application/json;q=0.5, text/plain", "text/plain;q=0.1, application/json;q=0",
  ])
  func `plain text is given to who wants it more than JSON`(accept: String) throws {
    let response = try World().provision(parameters: [("HTTP_ACCEPT", accept)])
    #expect(response.header("Content-Type") == "text/plain; charset=utf-8")
  }

  @Test(arguments: [
    "*/*", "application/json, text/plain", "image/png", "text/html,*/*;q=0.8", "",
    "text/plain;q=0", "text/plain;q=0.1, application/json", "text/plain;q=nan, */*",
  ])
  func `anything else that is accepted gets JSON`(accept: String) throws {
    let response = try World().provision(parameters: [("HTTP_ACCEPT", accept)])
    #expect(response.header("Content-Type") == "application/json; charset=utf-8")
  }

  @Test func `intent and outcome are audited, in the table's order and without a secret`() throws {
    let world = try World()
    let token = try #require(try world.provision().object["registration_token"]?.string)
    #expect(try world.auditEvents() == ["provision_requested", "provision"])
    let line = try #require(try world.auditLines().last)
    #expect(line["user_identity"] == .string("alice@example.com"))
    #expect(line["oidc_sub"] == .string("alice"))
    #expect(line["issuer"] == .string("http://127.0.0.1:9000/oidc"))
    #expect(line["request_id"] == .string("0123456789abcdef"))
    #expect(line["request_ip"] == .string("192.0.2.7"))
    #expect(line["runner_name"] == .string("ci-1"))
    for file in ["audit.jsonl", "service.db", "service.db-wal"] {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: world.directory.file(file)))
      #expect(bytes.range(of: Data(token.utf8)) == nil, "\(file)")
      #expect(bytes.range(of: Data("ghs_".utf8)) == nil, "\(file)")
    }
  }

  @Test func `a prefix gets a name made up`() throws {
    let world = try World()
    let body = try world.provision(#"{"runner_name_prefix":"ci","labels":[]}"#).object
    let name = try #require(body["runner_name"]?.string)
    #expect(name.wholeMatch(of: /ci-[0-9a-f]{6}/) != nil)
    #expect(try world.liveRunner(name) != nil)
  }

  @Test func `labels are folded without regard to case`() throws {
    let body = try World().provision(#"{"runner_name":"a","labels":["GPU","gpu","x"]}"#).object
    #expect(body["labels"] == .array([.string("GPU"), .string("x")]))
  }

  @Test func `all faults are told at once`() throws {
    let world = try World()
    let response = try world.provision(
      #"{"runner_name":"a b","labels":["ok","no,comma",7],"ephemeral":"yes","runner_group_id":0,"lables":[]}"#
    )
    #expect(response.problem == "422 VALIDATION_ERROR")
    let fields = try #require(try response.object["errors"]?.array).compactMap {
      $0.object?["field"]?.string
    }
    #expect(
      fields == [
        "runner_name", "labels[1]", "labels[2]", "runner_group_id", "ephemeral", "lables",
      ])
    #expect(try world.auditEvents().isEmpty)
    #expect(world.calls("/actions/") == 0)
  }

  @Test(arguments: [
    #"{}"#, #"{"runner_name":"a","runner_name_prefix":"b"}"#, #"{"runner_name":""}"#,
    #"{"runner_name":"a","labels":"gpu"}"#, #"{"runner_name":"a","labels":null}"#,
    #"{"runner_name":"a","runner_group_id":1.5}"#, #"{"runner_name_prefix":"é"}"#,
  ])
  func `a body that does not say what is wanted is refused`(body: String) throws {
    #expect(try World().provision(body).problem == "422 VALIDATION_ERROR")
  }

  @Test(arguments: [
    (#"{"runner_name":"a","runner_name_prefix":"b"}"#, ["runner_name_prefix"]),
    (#"{"runner_name":"é","runner_name_prefix":"b"}"#, ["runner_name", "runner_name_prefix"]),
    (
      #"{"runner_name":"é","runner_name_prefix":"é"}"#,
      ["runner_name", "runner_name_prefix", "runner_name_prefix"]
    ),
  ])
  func `a name and a prefix together do not hide what is wrong with either`(
    body: String, fields: [String]
  ) throws {
    let errors = try #require(try World().provision(body).object["errors"]?.array)
    #expect(errors.compactMap { $0.object?["field"]?.string } == fields)
  }

  @Test(arguments: [
    "", "[]", "null", "{", #"{"runner_name":"a","runner_name":"b"}"#, #"{"runner_name":"a"} x"#,
  ])
  func `a body that is not one JSON object is refused`(body: String) throws {
    #expect(try World().provision(body).problem == "400 INVALID_JSON")
  }

  @Test func `a body without the media type is refused with advice`() throws {
    let world = try World()
    let response = try world.provision(
      parameters: [("CONTENT_TYPE", "application/x-www-form-urlencoded")])
    #expect(response.problem == "415 UNSUPPORTED_MEDIA_TYPE")
    #expect(response.text.contains("Content-Type: application/json"))
    let accepted = try world.provision(
      parameters: [("CONTENT_TYPE", "Application/JSON; charset=utf-8")])
    #expect(accepted.status == 201)
  }

  @Test func `a name that is live is taken, whoever has it and whatever its case`() throws {
    let world = try World()
    _ = try world.provision()
    let response = try world.provision(#"{"runner_name":"CI-1"}"#, as: "bob")
    #expect(response.problem == "409 RUNNER_NAME_CONFLICT")
    #expect(!response.text.contains("alice"))
    #expect(response.text.contains("Choose another"))
    // Its owner learns that it is theirs.
    let own = try world.provision()
    #expect(own.problem == "409 RUNNER_NAME_CONFLICT")
    #expect(own.text.contains("You have a runner of this name"))
    #expect(try world.auditEvents().last == "provision_failed")
    #expect(world.calls("/registration-token") == 1)
  }

  @Test func `a name that GitHub knows is taken, and nothing stays reserved`() throws {
    let world = try World()
    let token = try #require(
      try world.provision(#"{"runner_name":"first"}"#).object["registration_token"]?.string)
    try world.control("POST", "/runners/register", #"{"token":"\#(token)","name":"foreign"}"#)
    let response = try world.provision(#"{"runner_name":"Foreign"}"#)
    #expect(response.problem == "409 RUNNER_NAME_CONFLICT")
    #expect(try world.liveRunner("foreign") == nil)
    #expect(world.calls("/registration-token") == 1)
  }

  @Test func `thirty requests for one name get one token`() throws {
    let world = try World()
    let token = try world.token()
    let outcomes = Locked<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 30) { _ in
      let response = world.send(
        "POST", "/api/v1/runners/provision", token: token, body: #"{"runner_name":"ci-1"}"#)
      outcomes.withLock { $0.append(response.status == 201 ? "201" : response.problem) }
    }
    let counts = Dictionary(grouping: outcomes.withLock { $0 }) { $0 }.mapValues(\.count)
    #expect(counts == ["201": 1, "409 RUNNER_NAME_CONFLICT": 29])
    #expect(world.calls("/registration-token") == 1)
  }

  @Test func `without a policy nothing is granted`() throws {
    let world = try World(defaultPolicy: .deny)
    let response = try world.provision()
    #expect(response.problem == "403 LABEL_POLICY_VIOLATION")
    #expect(try response.object["invalid_labels"] == .array([.string("gpu")]))
    #expect(try world.auditEvents() == ["provision_failed"])
    #expect(world.calls("/actions/") == 0)
  }

  @Test func `another runner group is not allowed`() throws {
    let world = try World()
    #expect(
      try world.provision(#"{"runner_name":"a","runner_group_id":2}"#).problem
        == "403 RUNNER_GROUP_NOT_ALLOWED")
    #expect(try world.provision(#"{"runner_name":"a","runner_group_id":1}"#).status == 201)
  }

  @Test(arguments: [HTTPClientError.cannotConnect("x"), .timedOut, .broken("x")])
  func `GitHub down is a 503, and the name is free at once`(error: HTTPClientError) throws {
    let world = try World()
    world.fail("/registration-token", error)
    let response = try world.provision()
    #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    #expect(response.header("Retry-After") == "10")
    #expect(try world.liveRunner("ci-1") == nil)
    #expect(try world.auditEvents() == ["provision_requested", "provision_failed"])
    world.heal()
    #expect(try world.provision().status == 201)
  }

  @Test func `a rate limit is told with the time to wait`() throws {
    let world = try World()
    _ = try world.provision(#"{"runner_name":"first"}"#)
    try world.control("POST", "/rate-limit", #"{"remaining":0,"reset_in":60}"#)
    let response = try world.provision()
    #expect(response.problem == "503 GITHUB_RATE_LIMITED")
    #expect(response.header("Retry-After") == "61")
    #expect(try world.liveRunner("ci-1") == nil)
  }

  @Test func `a suspended installation is told to the admin`() throws {
    let world = try World()
    try world.control("POST", "/installation", #"{"suspended":true}"#)
    let response = try world.provision()
    #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    #expect(response.text.contains("suspended"))
  }

  @Test func `an installation token that GitHub revoked is replaced`() throws {
    let world = try World()
    #expect(try world.provision(#"{"runner_name":"first"}"#).status == 201)
    try world.control("POST", "/tokens/revoke")
    #expect(try world.provision().status == 201)
    #expect(world.calls("/access_tokens") == 2)
  }

  @Test func `sixty requests on an expired installation token mint one`() throws {
    let world = try World()
    _ = try world.provision(#"{"runner_name":"first"}"#)
    world.clock.advance(by: 56 * 60)
    let token = try world.token()
    DispatchQueue.concurrentPerform(iterations: 60) { _ in
      _ = world.send(
        "POST", "/api/v1/runners/provision", token: token,
        body: #"{"runner_name_prefix":"ci"}"#)
    }
    #expect(world.calls("/registration-token") == 61)
    #expect(world.calls("/access_tokens") == 2)
  }

  @Test func `without the audit log's file nothing is asked of GitHub`() throws {
    let world = try World()
    try FileManager.default.createDirectory(
      atPath: world.directory.file("audit.jsonl"), withIntermediateDirectories: false)
    let response = try world.provision()
    #expect(response.problem == "503 AUDIT_UNAVAILABLE")
    #expect(response.header("Retry-After") == "5")
    #expect(world.calls("/actions/") == 0)
    #expect(try world.liveRunner("ci-1") == nil)
    try FileManager.default.removeItem(atPath: world.directory.file("audit.jsonl"))
    #expect(try world.provision().status == 201)
  }

  @Test func `when the audit log's file breaks while GitHub answers, no token leaves`() throws {
    let world = try World()
    // The hook runs between the intent, which is written, and the outcome, which cannot be.
    let path = world.directory.file("audit.jsonl")
    world.onCall("/registration-token") {
      try? FileManager.default.removeItem(atPath: path)
      try? FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false)
    }
    let response = try world.provision()
    #expect(response.problem == "503 AUDIT_UNAVAILABLE")
    #expect(try world.liveRunner("ci-1") == nil)
    #expect(world.calls("/registration-token") == 1)
  }

  @Test func `an answer that did not reach the web server is recorded`() throws {
    let world = try World()
    let response = try world.provision()
    let request = Request(
      parameters: Parameters([("REQUEST_ID", "0123456789abcdef")]), body: .complete([]))
    world.service.didNotDeliver(response, to: request)
    let line = try #require(try world.auditLines().last)
    #expect(line["event_type"] == .string("provision_undelivered"))
    #expect(line["request_id"] == .string("0123456789abcdef"))
    world.service.didNotDeliver(Response(status: 404), to: request)
    #expect(try world.auditEvents().count == 3)
  }

  @Test func `the lines of the audit log's file are in the order of the table`() throws {
    let world = try World()
    let token = try world.token()
    DispatchQueue.concurrentPerform(iterations: 40) { _ in
      _ = world.send(
        "POST", "/api/v1/runners/provision", token: token,
        body: #"{"runner_name_prefix":"ci"}"#)
    }
    let ids = try world.auditLines().compactMap { $0["id"]?.integer }
    #expect(ids == Array(1...80))
  }

  @Test func `a reservation that ran out while GitHub took its time is not issued`() throws {
    let world = try World()
    world.onCall("/registration-token") { [clock = world.clock] in
      clock.advance(by: 61)
      // Somebody else takes the name meanwhile.
      _ = try? world.provision(as: "bob")
    }
    let response = try world.provision()
    #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    #expect(try world.liveRunner("ci-1")?.owner.subject == "bob")
  }

  @Test func `a worker that died leaves a reservation that its deadline releases`() throws {
    let world = try World()
    let now = Timestamp(world.clock.date)
    let orphan = Runner(
      id: "orphan", name: try #require(RunnerName("ci-1")), organization: "demo-org",
      status: .pending, busy: false, githubRunnerID: nil, runnerGroupID: 1, labels: [],
      ephemeral: true, disableUpdate: false, provisioning: .registrationToken,
      owner: Principal(issuer: "i", subject: "s", identity: "s", isAdmin: false),
      isIssued: false, pendingUntil: now.adding(seconds: 60), createdAt: now, updatedAt: now,
      registeredAt: nil, deletedAt: nil, deletionReason: nil)
    try world.database.write { try $0.runners.insert(orphan) }
    #expect(try world.provision().problem == "409 RUNNER_NAME_CONFLICT")
    world.clock.advance(by: 61)
    #expect(try world.provision().status == 201)
    let released = try world.database.read { try $0.runners.runner(id: "orphan") }
    #expect(released?.deletionReason == .reservationExpired)
    #expect(
      try world.auditEvents().suffix(3) == ["status_change", "provision_requested", "provision"])
  }
}
