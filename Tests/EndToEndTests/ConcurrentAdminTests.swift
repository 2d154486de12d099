import Foundation
import StrictJSON
import TestSupport
import Testing

/// What admins and callers do at the same time, over two worker processes.
@Suite struct ConcurrentAdminTests {
  private let admin = ["ADMIN_IDENTITIES": "root@example.com", "DEFAULT_LABEL_POLICY": "deny"]

  @Test func `of twelve saves of one revision over two workers one is made`() throws {
    let cluster = try Cluster(settings: admin)
    let root = try cluster.token("root")
    let policy = #"{"user_identity":"alice@example.com","allowed_labels":["gpu"]}"#
    let path = "/api/v1/admin/label-policies"
    #expect(try cluster.post(path, policy, token: root).status == 201)
    let saves = try cluster.startLoad(
      12, path, token: root, body: policy, parallel: 12, headers: [#"If-Match: "1""#])
    #expect(saves.statuses() == ["200": 1, "412": 11])
    let stored = try cluster.get(path + "/alice%40example.com", token: root)
    #expect(try stored.object["revision"] == .integer(2))
    let kinds = try cluster.auditLines().compactMap { $0["event_type"]?.string }
    #expect(kinds.filter { $0.hasPrefix("policy_") } == ["policy_created", "policy_updated"])
  }

  @Test func `an approval that twelve requests use at once over two workers is good for one`()
    throws
  {
    let cluster = try Cluster(settings: admin)
    let set = try cluster.command([
      "set-label-policy", "--user", "alice@example.com", "--label", "gpu", "--require-approval",
    ])
    #expect(set.status == 0, "\(set.text)")
    let alice = try cluster.token("alice")
    let path = "/api/v1/runners/provision"
    let asked = try cluster.post(
      path, #"{"runner_name_prefix":"ci","labels":["gpu"]}"#, token: alice)
    #expect(asked.status == 202)
    let id = try #require(try asked.object["approval_id"]?.string)
    #expect(try cluster.command(["approve", id]).status == 0)
    let body = #"{"runner_name_prefix":"ci","labels":["gpu"],"approval_id":"\#(id)"}"#
    let load = try cluster.startLoad(12, path, token: alice, body: body, parallel: 12)
    #expect(load.statuses() == ["201": 1, "403": 11])
    #expect(try cluster.state()["registration_tokens_issued"] == .integer(1))
    let shown = try cluster.get("/api/v1/approvals/\(id)", token: alice)
    #expect(try shown.object["status"] == .string("used"))
  }

  @Test func `once a policy is narrowed no worker allows more`() throws {
    let cluster = try Cluster(settings: admin)
    let root = try cluster.token("root")
    let alice = try cluster.token("alice")
    func save(_ labels: String) throws -> Int {
      try cluster.post(
        "/api/v1/admin/label-policies",
        #"{"user_identity":"alice@example.com","allowed_labels":[\#(labels)]}"#, token: root
      ).status
    }
    #expect(try save(#""gpu","tpu""#) == 201)
    let body = #"{"runner_name_prefix":"ci","labels":["tpu"]}"#
    let path = "/api/v1/runners/provision"
    let wide = try cluster.startLoad(8, path, token: alice, body: body, parallel: 4)
    #expect(wide.statuses() == ["201": 8])
    #expect(try save(#""gpu""#) == 200)
    let narrow = try cluster.startLoad(8, path, token: alice, body: body, parallel: 4)
    #expect(narrow.statuses() == ["403": 8])
  }
}
