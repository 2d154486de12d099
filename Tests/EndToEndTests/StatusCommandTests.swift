import Foundation
import GRDB
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// `status`, `backup-db` and the completion scripts, run as an admin runs them.
@Suite struct StatusCommandTests {
  let program: Program

  init() throws {
    program = try Program()
  }

  @Test func `a new service has nothing yet, and says what is not running`() throws {
    let outcome = try program.run("status")
    #expect(outcome.status == 0)
    #expect(
      outcome.text == """
        organization     demo-org
        installation     active
        maintenance      not running: start `runner-token-service maintain`
        last sync        none yet
        rate limit       not known yet
        runners          none
        to be removed    0
        label policies   0
        approvals        0 waiting
        security events  0 of high severity in the last day

        """)
  }

  @Test func `what is known is shown`() throws {
    let time = try #require(Timestamp("2026-01-31T12:00:00Z"))
    try program.database(now: time).write { transaction in
      try transaction.installations.record(
        RateLimitBudget(limit: 5000, remaining: 4999, resetAt: time), ofInstallation: 2)
      _ = try transaction.installations.completeSync(ofInstallation: 2, runners: 7)
      _ = try transaction.installations.setState(.suspended, ofInstallation: 2)
    }
    let text = try program.run("status").text
    for line in [
      "installation     suspended since 2026-01-31T12:00:00.000Z",
      "last sync        number 1 at 2026-01-31T12:00:00.000Z, 7 runners at GitHub",
      "rate limit       4999 of 5000 requests left until 2026-01-31T12:00:00.000Z",
    ] {
      #expect(text.contains(line + "\n"))
    }
    let json = try Program.parse(.string(try program.run("status", "--json").text))
    #expect(json["rate_limit"]?.object?["remaining"] == .integer(4999))
    #expect(json["maintenance_running"] == .bool(false))
    #expect(json["runners"]?.object?["active"] == .integer(0))
  }

  @Test func `a backup is whole, by itself, and for its owner only`() throws {
    #expect(try program.run("set-label-policy", "--user", "alice", "--label", "gpu").status == 0)
    let copy = program.file("copy.db")
    let outcome = try program.run("backup-db", "--output", copy)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try program.mode(of: copy) == 0o600)
    let folder = URL(fileURLWithPath: copy).deletingLastPathComponent().path
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(files.filter { $0.hasPrefix("copy.db") } == ["copy.db"])
    let users = try DatabaseQueue(path: copy).read {
      try String.fetchAll($0, sql: "SELECT user_identity FROM label_policies")
    }
    #expect(users == ["alice"])
    #expect(try program.auditLines().last?["event_type"] == .string("export"))
    // Never over another file unless told to.
    #expect(try program.run("backup-db", "--output", copy).status == 1)
    #expect(try program.run("backup-db", "--output", copy, "--force").status == 0)
    #expect(try program.run("backup-db", "--output", program.file("absent/copy.db")).status == 1)
    #expect(try program.run("backup-db").status == 64)
  }

  @Test func `writers go on while a backup is made, and it has one moment of them`() throws {
    let database = try program.database()
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) {
      for number in 0..<200 {
        _ = try? database.write { transaction in
          for half in ["a", "b"] {
            _ = try transaction.labelPolicies.save(
              LabelPolicy(), of: "\(number)-\(half)", by: "cli:test")
          }
        }
      }
    }
    let copy = program.file("copy.db")
    #expect(try program.run("backup-db", "--output", copy).status == 0)
    group.wait()
    let count = try DatabaseQueue(path: copy).read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM label_policies") ?? -1
    }
    #expect(count >= 0 && count % 2 == 0)
    #expect(try database.read { try $0.labelPolicies.page(limit: 1, offset: 0).total } == 400)
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `there is a completion script for each shell`(shell: String) throws {
    let outcome = try program.run("--generate-completion-script", shell)
    #expect(outcome.status == 0)
    for command in ["list-runners", "verify-audit-log", "maintain", "backup-db"] {
      #expect(outcome.text.contains(command))
    }
  }

  @Test func `every command has an example in its help`() throws {
    let help = try program.run("--help").text
    let commands =
      help.components(separatedBy: "SUBCOMMANDS:\n").last?.split(separator: "\n")
      .compactMap { $0.firstMatch(of: #/^  ([a-z-]+) /#)?.output.1 }.map(String.init) ?? []
    #expect(commands.count >= 20)
    for command in commands {
      let text = try program.run(command, "--help").text
      #expect(text.contains("Example"), "\(command)")
      #expect(text.contains("runner-token-service \(command)"), "\(command)")
      // As it can be pasted: broken only where the shell is told so.
      let example =
        text.components(separatedBy: "Example").last?.components(separatedBy: "\n\n")
        .first?.split(separator: "\n").dropFirst() ?? []
      for (line, next) in zip(example, example.dropFirst()) {
        #expect(line.hasSuffix("\\") || next.hasPrefix("  runner-token-service"), "\(line)")
      }
    }
  }
}
