import Concurrency
import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// Label policies at work: who gets which runner, and what is recorded of those who do not.
@Suite struct PolicyTests {
  let world: World

  init() throws {
    world = try World(defaultPolicy: .deny, adminIdentities: ["root@example.com"])
  }

  @discardableResult
  func save(
    _ policy: LabelPolicy, for identity: String = "alice@example.com", in world: World? = nil
  ) throws -> StoredLabelPolicy {
    try (world ?? self.world).database.write {
      try $0.labelPolicies.save(policy, of: identity, by: "test")
    }
  }

  func labels(_ texts: String...) -> [AllowedLabel] { texts.compactMap(AllowedLabel.init) }

  private func provision(
    _ labels: [String], name: String = "ci-1", extra: String = "", token: String? = nil
  ) throws -> Response {
    let list = labels.map { "\"\($0)\"" }.joined(separator: ",")
    return world.send(
      "POST", "/api/v1/runners/provision", token: try token ?? world.token(),
      body: #"{"runner_name":"\#(name)","labels":[\#(list)]\#(extra)}"#)
  }

  func events(in world: World? = nil) throws -> [SecurityRecord] {
    try (world ?? self.world).database.read {
      try $0.securityEvents.page(matching: SecurityEventFilter()).events
    }
  }

  // MARK: - Stored policies

  @Test func `a stored policy allows what it lists, and nothing else`() throws {
    try save(
      LabelPolicy(allowedLabels: labels("gpu"), labelPatterns: [try LabelPattern("team-a-.*")]))
    #expect(try provision(["gpu", "Team-A-1", "linux"]).status == 201)
    let refused = try provision(["gpu", "fpga", "team-b-1"], name: "ci-2")
    #expect(refused.problem == "403 LABEL_POLICY_VIOLATION")
    #expect(
      try refused.object["invalid_labels"] == .array([.string("fpga"), .string("team-b-1")]))
    #expect(try world.liveRunner("ci-2") == nil)
    #expect(world.calls("/api/v3") > 0)
  }

  @Test func `without a policy of their own the default decides`() throws {
    #expect(try provision(["gpu"]).problem == "403 LABEL_POLICY_VIOLATION")
    #expect(world.calls("/api/v3") == 0)
    try save(LabelPolicy(allowedLabels: [.any]))
    #expect(try provision(["gpu"]).status == 201)
  }

  @Test func `a policy is another's alone`() throws {
    try save(LabelPolicy(allowedLabels: [.any]), for: "bob@example.com")
    #expect(try provision(["gpu"]).problem == "403 LABEL_POLICY_VIOLATION")
    #expect(try provision(["gpu"], token: world.token("bob")).status == 201)
  }

  @Test func `a label of GitHub's own runners needs an entry of its own`() throws {
    try save(LabelPolicy(allowedLabels: labels("*")))
    #expect(try provision(["ubuntu-latest"]).problem == "403 LABEL_POLICY_VIOLATION")
    try save(LabelPolicy(allowedLabels: labels("*", "ubuntu-latest")))
    #expect(try provision(["ubuntu-latest"]).status == 201)
  }

  @Test func `a runner group needs to be named`() throws {
    try save(LabelPolicy(allowedLabels: [.any]))
    try world.control("POST", "/runner-groups", #"{"id":7,"name":"Machines"}"#)
    #expect(
      try provision(["gpu"], extra: #","runner_group_id":7"#).problem
        == "403 RUNNER_GROUP_NOT_ALLOWED")
    try save(LabelPolicy(allowedLabels: [.any], allowedRunnerGroups: [1, 7]))
    #expect(try provision(["gpu"], extra: #","runner_group_id":7"#).status == 201)
  }

  @Test func `a kind of runner may be required`() throws {
    try save(LabelPolicy(allowedLabels: [.any], requiresEphemeral: true))
    let refused = try provision(["gpu"], extra: #","ephemeral":false"#)
    #expect(refused.problem == "403 LABEL_POLICY_VIOLATION")
    #expect(try refused.object["detail"]?.string?.contains("ephemeral") == true)
    #expect(try provision(["gpu"]).status == 201)
    try save(LabelPolicy(allowedLabels: [.any], requiresJIT: true))
    #expect(try provision(["gpu"], name: "ci-2").problem == "403 LABEL_POLICY_VIOLATION")
  }

  @Test func `the revision that allowed a runner stays with it and in the audit log`() throws {
    try save(LabelPolicy(allowedLabels: [.any]))
    let stored = try save(LabelPolicy(allowedLabels: labels("gpu")))
    #expect(stored.revision == 2)
    #expect(try provision(["gpu"]).status == 201)
    #expect(try world.liveRunner("ci-1")?.policyRevision == 2)
    let grant = try #require(
      try world.auditLines().last { $0["event_type"] == .string("provision") })
    #expect(grant["event_data"]?.object?["policy_revision"] == .integer(2))
  }

  @Test func `a policy that changes while a request is on its way does not let it through`() throws
  {
    try save(LabelPolicy(allowedLabels: [.any]))
    #expect(try provision(["gpu"]).status == 201)
    let world = world
    // The name's holder is looked at between the decision and the reservation.
    var runner = try #require(try world.liveRunner("ci-1"))
    runner.githubRunnerID = 4711
    let seen = runner
    try world.database.write { try $0.runners.update(seen) }
    world.onCall("/runners/4711") {
      _ = try? world.database.write {
        try $0.labelPolicies.save(LabelPolicy(), of: "alice@example.com", by: "test")
      }
    }
    #expect(try provision(["gpu"]).problem == "503 POLICY_CHANGED")
    #expect(try provision(["gpu"]).problem == "403 LABEL_POLICY_VIOLATION")
  }

  // MARK: - Quotas

  @Test func `thirty at once against a quota of five get five`() throws {
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 5))
    let token = try world.token()
    let outcomes = Locked<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 30) { number in
      let response = world.send(
        "POST", "/api/v1/runners/provision", token: token,
        body: #"{"runner_name":"ci-\#(number)"}"#)
      outcomes.withLock { $0.append(response.problem) }
    }
    #expect(outcomes.withLock { $0.count { $0 == "201 -" } } == 5)
    #expect(outcomes.withLock { $0.count { $0 == "429 QUOTA_EXCEEDED" } } == 25)
  }

  @Test func `who is over the quota is told the limit and what they have`() throws {
    try save(LabelPolicy(allowedLabels: [.any], maximumRunners: 1))
    #expect(try provision([]).status == 201)
    let refused = try provision([], name: "ci-2")
    #expect(refused.problem == "429 QUOTA_EXCEEDED")
    #expect(try refused.object["limit"] == .integer(1))
    #expect(try refused.object["current"] == .integer(1))
    #expect(
      world.send("DELETE", "/api/v1/runners/ci-1", token: try world.token()).status == 204)
    #expect(try provision([], name: "ci-2").status == 201)
  }

  @Test func `a quota is its owner's alone`() throws {
    try save(LabelPolicy(maximumRunners: 1))
    try save(LabelPolicy(maximumRunners: 1), for: "bob@example.com")
    #expect(try provision([]).status == 201)
    #expect(try provision([], name: "ci-2", token: world.token("bob")).status == 201)
  }

  @Test func `a reservation that has run out issues nothing, since its place may be another's`()
    throws
  {
    try save(LabelPolicy(maximumRunners: 1))
    let world = world
    let other = Locked<Int?>(nil)
    world.onCall("/registration-token") {
      world.clock.advance(by: 61)
      let status = try? world.provision(#"{"runner_name":"ci-2"}"#).status
      other.withLock { $0 = status }
    }
    #expect(try provision([]).status == 503)
    #expect(other.withLock { $0 } == 201)
    let list = world.send("GET", "/api/v1/runners?status=pending", token: try world.token())
    #expect(try list.object["total"] == .integer(1))
  }

  @Test func `a reservation whose time is up does not count`() throws {
    try save(LabelPolicy(maximumRunners: 1))
    #expect(try provision([]).status == 201)
    #expect(try provision([], name: "ci-2").problem == "429 QUOTA_EXCEEDED")
    world.clock.advance(by: 3661)
    #expect(try provision([], name: "ci-2").status == 201)
  }

  @Test func `a request that fails at GitHub gives its place back`() throws {
    try save(LabelPolicy(maximumRunners: 1))
    world.fail("/registration-token", .timedOut)
    #expect(try provision([]).problem == "503 GITHUB_UNAVAILABLE")
    world.heal()
    #expect(try provision([]).status == 201)
  }

  @Test func `the default policy may have a quota`() throws {
    let world = try World(defaultPolicy: .allow, defaultMaximumRunners: 1)
    #expect(try world.provision(#"{"runner_name":"ci-1"}"#).status == 201)
    let refused = try world.provision(#"{"runner_name":"ci-2"}"#)
    #expect(refused.problem == "429 QUOTA_EXCEEDED")
    #expect(refused.text.contains("You have 1 runner and may have 1;"))
    #expect(try world.provision(#"{"runner_name":"ci-3"}"#, as: "bob").status == 201)
  }

  // MARK: - Policies in tokens

  private func claimed(_ permissions: String, isOn: Bool = true, stored: LabelPolicy? = nil) throws
    -> (World, String)
  {
    let world = try World(defaultPolicy: .deny, hasClaimPolicies: isOn)
    if let stored { try save(stored, in: world) }
    let token = try world.token(
      "alice",
      #"{"sub":"alice","email":"alice@example.com","email_verified":true,"runner_permissions":\#(permissions)}"#
    )
    return (world, token)
  }

  private func ask(_ world: World, _ token: String, _ label: String, name: String = "ci-1")
    -> String
  {
    world.send(
      "POST", "/api/v1/runners/provision", token: token,
      body: #"{"runner_name":"\#(name)","labels":["\#(label)"]}"#
    ).problem
  }

  @Test func `a policy in the token decides where that is switched on`() throws {
    let permissions = #"{"allowed_labels":["gpu"],"max_runners":1}"#
    let (world, token) = try claimed(permissions)
    #expect(ask(world, token, "fpga") == "403 LABEL_POLICY_VIOLATION")
    #expect(ask(world, token, "gpu") == "201 -")
    #expect(ask(world, token, "gpu", name: "ci-2") == "429 QUOTA_EXCEEDED")
    let (other, sameToken) = try claimed(permissions, isOn: false)
    #expect(ask(other, sameToken, "gpu") == "403 LABEL_POLICY_VIOLATION")
  }

  @Test func `a policy in the token that names no limit has the default one`() throws {
    let world = try World(
      defaultPolicy: .allow, defaultMaximumRunners: 1, hasClaimPolicies: true)
    let token = try world.token(
      "alice", #"{"sub":"alice","runner_permissions":{"allowed_labels":["*"]}}"#)
    #expect(ask(world, token, "gpu") == "201 -")
    #expect(ask(world, token, "gpu", name: "ci-2") == "429 QUOTA_EXCEEDED")
  }

  @Test func `a policy in the token never widens a stored one`() throws {
    let (world, token) = try claimed(
      #"{"allowed_labels":["gpu","fpga"]}"#,
      stored: LabelPolicy(allowedLabels: labels("gpu", "tpu")))
    #expect(ask(world, token, "fpga") == "403 LABEL_POLICY_VIOLATION")
    #expect(ask(world, token, "tpu") == "403 LABEL_POLICY_VIOLATION")
    #expect(ask(world, token, "gpu") == "201 -")
  }

  @Test(arguments: [
    "7", "[]", #"{"allowed_labels":"gpu"}"#, #"{"allowed_labels":[""]}"#,
    #"{"allowed_labels":[7]}"#, #"{"label_patterns":["("]}"#, #"{"max_runners":-1}"#,
    #"{"max_runners":"1"}"#, #"{"allowed_label":["gpu"]}"#,
  ])
  func `a policy in the token that cannot be read whole is refused`(permissions: String) throws {
    let (world, token) = try claimed(permissions)
    #expect(ask(world, token, "gpu") == "401 INVALID_TOKEN")
  }

  @Test(arguments: [
    #"{"allowed_labels":["*"]}"#, #"{"label_patterns":["g.u"],"max_runners":null}"#,
  ])
  func `a policy in the token that can be read is followed`(permissions: String) throws {
    let (world, token) = try claimed(permissions)
    #expect(ask(world, token, "gpu") == "201 -")
  }

  // MARK: - Security events

  @Test func `a refusal is a security event, written with its audit record`() throws {
    try save(LabelPolicy(allowedLabels: labels("gpu"), maximumRunners: 1))
    #expect(try provision(["fpga"]).status == 403)
    #expect(try provision([], extra: #","runner_group_id":7"#).status == 403)
    #expect(try provision(["gpu"]).status == 201)
    #expect(try provision(["gpu"], name: "ci-2").status == 429)
    let events = try events()
    #expect(
      events.map(\.event.kind) == [.quotaExceeded, .runnerGroupDenied, .labelPolicyViolation])
    #expect(events.map(\.event.severity) == [.low, .medium, .medium])
    let violation = try #require(events.last?.event)
    #expect(violation.actor.identity == "alice@example.com")
    #expect(violation.actor.requestIP == "192.0.2.7")
    #expect(violation.runnerName == "ci-1")
    #expect(violation.data["labels"] == .texts(["fpga"]))
    #expect(try world.auditEvents().count { $0 == "provision_failed" } == 3)
  }

  @Test func `a request that is allowed is no security event`() throws {
    try save(LabelPolicy(allowedLabels: [.any]))
    #expect(try provision(["gpu"]).status == 201)
    #expect(try events().isEmpty)
  }

  @Test func `whoever hammers refusals is one event a minute, with a count`() throws {
    for _ in 0..<50 { #expect(try provision(["gpu"]).status == 403) }
    #expect(try events().map(\.count) == [50])
    #expect(try provision(["gpu"], token: world.token("bob")).status == 403)
    #expect(try events().map(\.count) == [1, 50])
    world.clock.advance(by: 60)
    #expect(try provision(["gpu"]).status == 403)
    #expect(try events().map(\.count) == [1, 1, 50])
  }

  @Test func `a pattern that cannot be decided denies and is reported`() throws {
    try save(LabelPolicy(labelPatterns: [try LabelPattern("(a+)+$")]))
    let hostile = String(repeating: "a", count: 250) + "-"
    #expect(try provision([hostile]).problem == "403 LABEL_POLICY_VIOLATION")
    #expect(Set(try events().map(\.event.kind)) == [.patternLimit, .labelPolicyViolation])
    #expect(try provision(["aaa"]).status == 201)
  }

  @Test func `a token that is sent again is a security event`() throws {
    let world = try World(hasSingleUseTokens: true)
    let token = try world.token("alice", #"{"sub":"alice","jti":"t-1"}"#)
    for (name, status) in [("ci-1", 201), ("ci-2", 401)] {
      let response = world.send(
        "POST", "/api/v1/runners/provision", token: token, body: #"{"runner_name":"\#(name)"}"#)
      #expect(response.status == status)
    }
    #expect(try events(in: world).map(\.event.kind) == [.tokenReplay])
  }
}
