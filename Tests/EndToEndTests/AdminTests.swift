import StrictJSON
import Testing

/// What an admin's requests look like once nginx has read them.
@Suite struct AdminTests {
  private let path = "/api/v1/admin/label-policies"

  @Test func `a policy is named by its identity and guarded by its tag, through nginx`() throws {
    let cluster = try Cluster(workerCount: 1, settings: ["ADMIN_IDENTITIES": "root@example.com"])
    let token = try cluster.token("root")
    for (identity, segment) in [
      ("github:octo-org/tools", "github:octo-org%2Ftools"),
      ("\u{E9}t\u{E9} 100%", "%C3%A9t%C3%A9%20100%25"),
    ] {
      let body = #"{"user_identity":"\#(identity)"}"#
      let created = try cluster.post(path, body, token: token, headers: ["If-None-Match: *"])
      #expect(created.status == 201)
      #expect(created.header("ETag") == "\"1\"")
      let shown = try cluster.get("\(path)/\(segment)", token: token)
      #expect(try shown.object["user_identity"] == .string(identity))

      let tag = ["If-Match: \"1\""]
      #expect(try cluster.post(path, body, token: token, headers: tag).status == 200)
      let stale = try cluster.post(path, body, token: token, headers: tag)
      #expect(stale.problem == "412 PRECONDITION_FAILED")
      let deleted = try cluster.curl(
        ["-X", "DELETE"], "\(path)/\(segment)", token: token, headers: ["If-Match: \"2\""])
      #expect(deleted.status == 204)
    }
    for segment in ["a%2F..%2Fb", "..%2F..%2Frunners", "a%2F%2Fb", "%2e%2e", "a%00b", "%zz"] {
      #expect(try cluster.get("\(path)/\(segment)", token: token).status == 400, "\(segment)")
    }
  }
}
