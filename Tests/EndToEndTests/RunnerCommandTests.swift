import Foundation
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// The commands for runners, run as an admin runs them.
@Suite struct RunnerCommandTests {
  let program: Program
  let database: Storage.Database

  init() throws {
    program = try Program()
    database = try program.database()
  }

  private func insert(
    _ name: String, owner: String = "alice@example.com", status: RunnerStatus = .pending,
    ephemeral: Bool = true, createdAt: String = "2026-01-31T12:00:00Z"
  ) throws {
    try database.write { transaction in
      try insert(
        name, owner: owner, status: status, ephemeral: ephemeral, createdAt: createdAt,
        in: transaction)
    }
  }

  private func insert(
    _ name: String, owner: String = "alice@example.com", status: RunnerStatus = .pending,
    ephemeral: Bool = true, createdAt: String, in transaction: Transaction
  ) throws {
    let time = try #require(Timestamp(createdAt))
    var runner = Runner(
      id: "id-\(name)", name: try #require(RunnerName(name)), organization: "demo-org",
      status: .pending, busy: false, githubRunnerID: nil, runnerGroupID: 1,
      labels: ["gpu", "x64"].compactMap(Label.init), ephemeral: ephemeral, disableUpdate: false,
      provisioning: .registrationToken,
      owner: Principal(issuer: "i", subject: owner, identity: owner, isAdmin: false),
      isIssued: false, pendingUntil: time, createdAt: time, updatedAt: time, registeredAt: nil,
      deletedAt: nil, deletionReason: nil)
    try transaction.runners.insert(runner)
    runner.status = status
    if status == .deleted { runner.delete(for: .requested, at: time) }
    try transaction.runners.update(runner)
  }

  @Test func `runners that live are listed, newest first`() throws {
    try insert("ci-1", status: .active)
    try insert(
      "ci-2", owner: "bob@example.com", ephemeral: false, createdAt: "2026-01-31T12:00:01Z")
    try insert("ci-3", status: .deleted)
    let outcome = try program.run("list-runners")
    #expect(outcome.status == 0)
    #expect(
      outcome.text == """
        RUNNER  STATUS   BUSY  OWNER              LABELS   KIND                       CREATED
        ci-2    pending  -     bob@example.com    gpu,x64  registration_token, stays  2026-01-31T12:00:01.000Z
        ci-1    active   -     alice@example.com  gpu,x64  registration_token         2026-01-31T12:00:00.000Z
        2 runners

        """)
  }

  @Test func `a filter shows only what it names`() throws {
    try insert("ci-1", status: .active)
    try insert("ci-2", owner: "bob@example.com")
    try insert("ci-3", status: .deleted)
    func names(_ arguments: String...) throws -> [String] {
      let outcome = try program.run(["list-runners", "--json"] + arguments)
      #expect(outcome.status == 0)
      let array = try #require(try JSONValue(parsing: Array(outcome.text.utf8)).array)
      return array.compactMap { $0.object?["runner_name"]?.string }
    }
    #expect(try names() == ["ci-1", "ci-2"])
    #expect(try names("--status", "deleted") == ["ci-3"])
    #expect(try names("--user", "bob@example.com") == ["ci-2"])
    #expect(try names("--label", "GPU") == ["ci-1", "ci-2"])
    #expect(try names("--label", "tpu") == [])
    #expect(
      try program.run("list-runners", "--label", "tpu").text == "There are no such runners.\n")
    #expect(try program.run("list-runners", "--label", "a b").status == 64)
    #expect(try program.run("list-runners", "--status", "gone").status == 64)
    #expect(try program.run("list-runners", "--json", "--watch").status == 64)
    #expect(try program.run("list-runners", "--watch").errors == "--watch needs a terminal.\n")
  }

  @Test func `more runners than a page are listed once each`() throws {
    try database.write { transaction in
      for number in 0..<1203 {
        try insert(
          "ci-\(number)", createdAt: "2026-01-31T12:00:\(number % 2 == 0 ? "00" : "01")Z",
          in: transaction)
      }
    }
    let lines = try program.run("list-runners").text.split(separator: "\n")
    #expect(lines.count == 1205)
    #expect(
      Set(lines.dropFirst().dropLast().compactMap { $0.split(separator: " ").first }).count == 1203)
    #expect(lines.last == "1203 runners")
  }
}
