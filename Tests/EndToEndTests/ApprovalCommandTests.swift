import Foundation
import Runners
import Storage
import TestSupport
import Testing

/// Approvals on the command line, decided by the real program.
@Suite struct ApprovalCommandTests {
  @Test func `an admin lists, approves and denies on the command line, each once`() throws {
    let cluster = try Cluster(workerCount: 1)
    let database = try Storage.Database(path: cluster.directory.file("service.db")) {
      Timestamp(Date())
    }
    for id in ["first", "second"] {
      try database.write { transaction in
        try transaction.approvals.insert(
          Approval(
            id: id, organization: "demo-org",
            owner: Principal(issuer: "i", subject: "s", identity: "alice", isAdmin: false),
            requested: ApprovalRequest(
              name: .exactly(#require(RunnerName("ci-\(id)"))), labels: [], runnerGroupID: 1,
              ephemeral: true, disableUpdate: false, kind: .jit),
            policyRevision: nil, createdAt: transaction.now))
      }
    }
    func status(_ arguments: String...) throws -> Int32? { try cluster.command(arguments).status }

    #expect(try status("approve", "first") == 0)
    #expect(try status("approve", "first") == 1)
    #expect(try status("deny", "second") == 64)
    #expect(try status("deny", "second", "--reason", " ") == 64)
    #expect(try status("deny", "second", "--reason", "full") == 0)
    #expect(try status("approve", "third") == 1)
    #expect(try status("list-approvals", "--status", "open") == 64)
    #expect(try status("approve", "first", "--env-file", "absent") == 78)

    let denied = try cluster.command(["list-approvals", "--status", "denied", "--json"])
    #expect(denied.status == 0)
    #expect(denied.text.contains(#""approval_id":"second""#))
    #expect(!denied.text.contains(#""approval_id":"first""#))
    let audit = try String(contentsOfFile: cluster.directory.file("audit.jsonl"), encoding: .utf8)
    let lines = audit.split(separator: "\n").filter { $0.contains(#""user_identity":"cli:"#) }
    #expect(lines.count == 3)
    #expect(lines.count { $0.contains(#""success":false"#) } == 1)
  }
}
