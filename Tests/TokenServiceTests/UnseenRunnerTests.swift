import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// What was issued counts until GitHub has been asked, however long ago it expired.
@Suite struct UnseenRunnerTests {
  let world: World

  init() throws {
    world = try World(defaultMaximumRunners: 2)
  }

  /// Each a second after the one before, so that it is clear which is the oldest.
  private func provision(_ name: String, as subject: String = "alice") throws -> Response {
    world.clock.advance(by: 1)
    return try world.provision(#"{"runner_name":"\#(name)"}"#, as: subject)
  }

  /// Provisions a runner and registers it, and nobody looks.
  private func register(_ name: String) throws {
    let token = try #require(try provision(name).object["registration_token"]?.string)
    try world.control("POST", "/runners/register", #"{"token":"\#(token)","name":"\#(name)"}"#)
  }

  private func used() throws -> Int64? {
    try world.send("GET", "/api/v1/auth/me", token: try world.token())
      .object["quota"]?.object?["used"]?.integer
  }

  @Test func `a runner that registered and was never looked at still counts after an hour`() throws
  {
    try register("ci-1")
    try register("ci-2")
    world.clock.advance(by: 3661)
    #expect(try used() == 2)
    let refused = try provision("ci-3")
    #expect(refused.problem == "429 QUOTA_EXCEEDED")
    #expect(try refused.object["current"] == .integer(2))
    #expect(try world.liveRunner("ci-1")?.status == .offline)
  }

  @Test func `a token that was not used counts until one look at GitHub`() throws {
    #expect(try provision("ci-1").status == 201)
    #expect(try provision("ci-2").status == 201)
    world.clock.advance(by: 3661)
    #expect(try used() == 2)
    let looks = world.calls("?name=ci-")
    #expect(try provision("ci-3").status == 201)
    // The oldest made room; the third look is for the new name.
    #expect(world.calls("?name=ci-") == looks + 2)
    #expect(try world.liveRunner("ci-1") == nil)
    #expect(try world.liveRunner("ci-2") != nil)
  }

  @Test func `who has room left costs GitHub no look`() throws {
    #expect(try provision("ci-1").status == 201)
    world.clock.advance(by: 3661)
    #expect(try provision("ci-2").status == 201)
    #expect(world.calls("?name=ci-1") == 1)
  }

  @Test func `five are looked at for a request, and no more`() throws {
    let world = try World(defaultPolicy: .deny)
    func save(_ limit: Int) throws {
      _ = try world.database.write {
        try $0.labelPolicies.save(
          LabelPolicy(maximumRunners: limit), of: "alice@example.com", by: "test")
      }
    }
    try save(8)
    for number in 0..<8 {
      world.clock.advance(by: 1)
      #expect(try world.provision(#"{"runner_name":"ci-\#(number)"}"#).status == 201)
    }
    world.clock.advance(by: 3661)
    try save(1)
    let looks = world.calls("?name=ci-")
    let refused = try world.provision(#"{"runner_name":"new"}"#)
    #expect(refused.problem == "429 QUOTA_EXCEEDED")
    #expect(try refused.object["current"] == .integer(3))
    #expect(world.calls("?name=ci-") == looks + 5)
    #expect(try world.provision(#"{"runner_name":"new"}"#).status == 201)
  }

  @Test func `others' runners are not looked at`() throws {
    #expect(try provision("bob-1", as: "bob").status == 201)
    #expect(try provision("ci-1").status == 201)
    #expect(try provision("ci-2").status == 201)
    world.clock.advance(by: 3661)
    #expect(try provision("ci-3").status == 201)
    #expect(world.calls("?name=bob-1") == 1)
  }

  @Test func `while GitHub cannot be asked nobody gets more than their quota`() throws {
    #expect(try provision("ci-1").status == 201)
    #expect(try provision("ci-2").status == 201)
    world.clock.advance(by: 3661)
    world.fail("?name=ci-1", .timedOut)
    #expect(try provision("ci-3").problem == "503 GITHUB_UNAVAILABLE")
    #expect(try world.auditEvents().last == "provision_failed")
    world.heal()
    #expect(try provision("ci-3").status == 201)
  }

  @Test func `who has to wait for an approval is not kept from asking by unused tokens`() throws {
    func save(_ requiresApproval: Bool) throws {
      _ = try world.database.write {
        try $0.labelPolicies.save(
          LabelPolicy(maximumRunners: 1, requiresApproval: requiresApproval),
          of: "alice@example.com", by: "test")
      }
    }
    try save(false)
    #expect(try provision("ci-1").status == 201)
    try save(true)
    #expect(try provision("ci-2").problem == "429 QUOTA_EXCEEDED")
    world.clock.advance(by: 3661)
    #expect(try provision("ci-2").status == 202)
  }
}
