import Foundation
import StrictJSON
import TestSupport
import Testing

/// Policies and quotas over several worker processes.
@Suite struct QuotaTests {
  private let provisionPath = "/api/v1/runners/provision"

  @Test func `thirty at once over two workers against a quota of five get five`() throws {
    let cluster = try Cluster(settings: ["DEFAULT_LABEL_POLICY": "deny"])
    let set = try cluster.command([
      "set-label-policy", "--user", "alice@example.com", "--label", "gpu", "--max-runners", "5",
    ])
    #expect(set.status == 0, "\(set.text)")
    let alice = try cluster.token("alice")
    let load = try cluster.startLoad(
      30, provisionPath, token: alice,
      body: #"{"runner_name_prefix":"ci","labels":["gpu"]}"#, parallel: 30)
    #expect(load.statuses() == ["201": 5, "429": 25])
    let list = try cluster.get("/api/v1/runners", token: alice)
    #expect(try list.object["total"] == .integer(5))
    #expect(try cluster.state()["registration_tokens_issued"] == .integer(5))
    let refused = try cluster.post(
      provisionPath, #"{"runner_name":"ci-x","labels":["gpu"]}"#, token: alice)
    #expect(refused.problem == "429 QUOTA_EXCEEDED")
    #expect(try refused.object["limit"] == .integer(5))
    #expect(try refused.object["current"] == .integer(5))
  }
}
