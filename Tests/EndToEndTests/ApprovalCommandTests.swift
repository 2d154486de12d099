import Foundation
import Runners
import Storage
import StrictJSON
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
    // What was approved can be taken back, once.
    #expect(try status("deny", "first", "--reason", "changed my mind") == 0)
    #expect(try status("deny", "first", "--reason", "changed my mind") == 1)
    #expect(try status("approve", "third") == 1)
    #expect(try status("list-approvals", "--status", "open") == 64)
    #expect(try status("approve", "first", "--env-file", "absent") == 78)

    let denied = try cluster.command(["list-approvals", "--status", "denied", "--json"])
    #expect(denied.status == 0)
    let elements = try #require(try JSONValue(parsing: Array(denied.text.utf8)).array)
    #expect(
      Set(elements.compactMap { $0.object?["approval_id"]?.string }) == ["first", "second"])
    let pending = try cluster.command(["list-approvals", "--status", "pending", "--json"])
    #expect(try JSONValue(parsing: Array(pending.text.utf8)).array?.isEmpty == true)
    let none = try cluster.command(["list-approvals", "--status", "used"])
    #expect(none.text == "There are no such approvals.\n")
    let table = try cluster.command(["list-approvals"]).text.split(separator: "\n")
    #expect(table.count == 3)
    #expect(table.first?.hasPrefix("ID      STATUS") == true)
    let audit = try String(contentsOfFile: cluster.directory.file("audit.jsonl"), encoding: .utf8)
    let lines = audit.split(separator: "\n").filter { $0.contains(#""user_identity":"cli:"#) }
    #expect(lines.count == 5)
    #expect(lines.count { $0.contains(#""success":false"#) } == 2)
  }
}
