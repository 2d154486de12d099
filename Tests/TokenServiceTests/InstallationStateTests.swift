import FastCGI
import Foundation
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// What is known about the installation decides before GitHub is asked, and GitHub's answers keep it true.
@Suite struct InstallationStateTests {
  let world: World

  init() throws {
    world = try World()
  }

  private var installation: Installation {
    get throws { try world.database.read { try $0.installations.installation(id: 67890) } }
  }

  private func set(_ state: Installation.State) throws {
    _ = try world.database.write {
      try $0.installations.setState(state, ofInstallation: 67890)
    }
  }

  private func record(remaining: Int) throws {
    let resetAt = Timestamp(world.clock.date).adding(seconds: 600)
    try world.database.write {
      try $0.installations.record(
        RateLimitBudget(limit: 5000, remaining: remaining, resetAt: resetAt),
        ofInstallation: 67890)
    }
  }

  @Test(arguments: ["provision", "jit"], [Installation.State.suspended, .deleted])
  func `without an installation GitHub is not asked`(
    kind: String, state: Installation.State
  ) throws {
    try set(state)
    let response = world.send(
      "POST", "/api/v1/runners/\(kind)", token: try world.token(), body: #"{"runner_name":"a"}"#)
    #expect(response.problem == "503 GITHUB_UNAVAILABLE")
    #expect(response.header("Retry-After") == "60")
    #expect(response.text.contains(state == .deleted ? "removed" : "suspended"))
    #expect(world.calls("/api/v3") == 0)
    #expect(try world.auditEvents() == ["provision_failed"])
  }

  @Test func `what the policy forbids is refused for that, whatever the installation's state`()
    throws
  {
    let world = try World(defaultPolicy: .deny)
    _ = try world.database.write {
      try $0.installations.setState(.suspended, ofInstallation: 67890)
    }
    #expect(try world.provisionJIT().problem == "403 LABEL_POLICY_VIOLATION")
  }

  @Test(arguments: [true, false])
  func `a suspension that GitHub tells of is known from then on, and recorded once`(
    hasToken: Bool
  ) throws {
    if hasToken { #expect(try world.provision(#"{"runner_name":"first"}"#).status == 201) }
    try world.control("POST", "/installation", #"{"suspended":true}"#)
    for _ in 0..<2 {
      #expect(try world.provisionJIT().problem == "503 GITHUB_UNAVAILABLE")
    }
    #expect(try installation.state == .suspended)
    #expect(world.calls("/generate-jitconfig") <= 1)
    let changes = try world.auditLines().filter {
      $0["event_type"] == .string("installation_change")
    }
    #expect(changes.count == 1)
    #expect(changes.first?["event_data"]?.object?["state"] == .string("suspended"))
    #expect(try world.liveRunner("ci-1") == nil)
  }

  @Test func `a suspension that is over is noticed by who asks a minute later`() throws {
    try world.control("POST", "/installation", #"{"suspended":true}"#)
    #expect(try world.provision().problem == "503 GITHUB_UNAVAILABLE")
    world.clock.advance(by: 61)
    for _ in 0..<2 { #expect(try world.provision().problem == "503 GITHUB_UNAVAILABLE") }
    #expect(world.calls("GET /api/v3/app/installations/67890") == 1)
    try world.control("POST", "/installation", #"{"suspended":false}"#)
    world.clock.advance(by: 61)
    #expect(try world.provision().status == 201)
    #expect(try installation.state == .active)
    #expect(try world.auditEvents().count { $0 == "installation_change" } == 2)
  }

  @Test func `a runner that GitHub grants shows that the installation is active`() throws {
    world.onCall("/generate-jitconfig") { [world] in
      _ = try? world.database.write {
        try $0.installations.setState(.suspended, ofInstallation: 67890)
      }
    }
    #expect(try world.provisionJIT().status == 201)
    #expect(try installation.state == .active)
  }

  @Test func `the limit of strangers, which a refused token is told, is not taken for ours`() throws
  {
    let reset = Int(world.clock.date.timeIntervalSince1970) + 3900
    try world.control(
      "POST", "/faults",
      #"""
      {"path_contains":"registration-token","status":401,"count":20,"body":"{\"message\":\"Bad credentials\"}",
       "headers":{"X-RateLimit-Limit":"60","X-RateLimit-Remaining":"2","X-RateLimit-Reset":"\#(reset)"}}
      """#)
    #expect(try world.provision().status == 502)
    try world.control("DELETE", "/faults")
    #expect(try world.provision().status == 201)
    #expect(try installation.budget?.limit == 5000)
  }

  @Test func `what a worker has heard of the rate limit counts before it is written down`() throws {
    #expect(try world.provision().status == 201)
    try world.control("POST", "/rate-limit", #"{"remaining":200,"reset_in":4000}"#)
    // A look that changes nothing is not written down.
    let look = world.send("POST", "/api/v1/runners/ci-1/refresh", token: try world.token())
    #expect(look.status == 200)
    let response = try world.provision(#"{"runner_name":"ci-2","labels":["gpu"]}"#)
    #expect(response.problem == "503 GITHUB_RATE_LIMITED")
  }

  @Test func `a worker that GitHub has told to wait says so`() throws {
    func outcome() throws -> String? {
      try world.send("GET", "/health/ready").object["checks"]?.object?["github_rate_limit"]?.string
    }
    try world.control(
      "POST", "/faults",
      #"{"path_contains":"registration-token","status":403,"body":"{\"message\":\"You have exceeded a secondary rate limit\"}"}"#
    )
    #expect(try world.provision().problem == "503 GITHUB_RATE_LIMITED")
    #expect(try outcome() == "degraded")
    let other = try World()
    #expect(
      try other.send("GET", "/health/ready").object["checks"]?.object?["github_rate_limit"]?.string
        == "ok")
  }

  @Test func `what GitHub says about the rate limit is stored with what was issued`() throws {
    #expect(try world.provision().status == 201)
    let budget = try #require(try installation.budget)
    #expect(budget.limit > budget.remaining)
    #expect(budget.resetAt > Timestamp(world.clock.date))
  }

  @Test(arguments: [(250, 201), (249, 503)])
  func `the last of the rate limit is kept for removals`(remaining: Int, status: Int) throws {
    try record(remaining: remaining)
    let response = try world.provisionJIT()
    #expect(response.status == status)
    guard status != 201 else { return }
    #expect(response.problem == "503 GITHUB_RATE_LIMITED")
    #expect(response.header("Retry-After") == "600")
    #expect(world.calls("/api/v3") == 0)
    world.clock.advance(by: 600)
    #expect(try world.provisionJIT().status == 201)
  }

  // MARK: - Readiness

  private func ready() throws -> (status: Int, body: JSONObject) {
    let response = world.send("GET", "/health/ready")
    return (response.status, try response.object)
  }

  @Test(arguments: [Installation.State.suspended, .deleted])
  func `a service without an installation is not ready`(state: Installation.State) throws {
    try set(state)
    let (status, body) = try ready()
    #expect(status == 503)
    #expect(body["checks"]?.object?["github_installation"] == .string("failed"))
    #expect(body["checks"]?.object?["database"] == .string("ok"))
  }

  @Test(arguments: [(250, "ok"), (249, "degraded")])
  func `what is left of the rate limit is shown, and a service that refuses is degraded`(
    remaining: Int, outcome: String
  ) throws {
    try record(remaining: remaining)
    let (status, body) = try ready()
    #expect(status == 200)
    #expect(body["checks"]?.object?["github_rate_limit"] == .string(outcome))
    let limit = try #require(body["github_rate_limit"]?.object)
    #expect(limit["limit"] == .integer(5000))
    #expect(limit["remaining"] == .integer(Int64(remaining)))
    #expect(
      limit["reset_at"]
        == .string(Timestamp(world.clock.date).adding(seconds: 600).description))
  }
}
