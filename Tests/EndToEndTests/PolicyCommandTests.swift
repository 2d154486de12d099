import Foundation
import GRDB
import Runners
import Storage
import StrictJSON
import Testing

/// The commands for label policies, run as an admin runs them, with no service beside them.
@Suite struct PolicyCommandTests {
  let program: Program

  init() throws {
    program = try Program()
  }

  @Test func `a policy is created, shown, replaced and deleted, and each is audited`() throws {
    let created = try program.run(
      "set-label-policy", "--user", "alice@example.com", "--label", "gpu", "--label", "*",
      "--pattern", "team-[a-z]+", "--max-runners", "3", "--runner-group", "7", "--require-approval",
      "--require-jit", "--require-ephemeral", "--description", "a team")
    #expect(created.status == 0)
    #expect(created.text.contains("Created; revision 1."))
    #expect(created.text.contains("no policy  gpu, *"))

    let shown = try #require(try program.listed().first?.object)
    #expect(
      Set(shown.members.map(\.name)) == [
        "user_identity", "allowed_labels", "label_patterns", "max_runners", "require_approval",
        "allowed_runner_groups", "require_jit", "require_ephemeral", "description", "revision",
        "created_at", "updated_at", "updated_by",
      ])
    #expect(shown["allowed_labels"]?.strings == ["gpu", "*"])
    #expect(shown["label_patterns"]?.strings == ["team-[a-z]+"])
    #expect(shown["max_runners"] == .integer(3))
    #expect(shown["allowed_runner_groups"] == .array([.integer(7)]))
    #expect(shown["require_approval"] == .bool(true))
    #expect(shown["require_jit"] == .bool(true))
    #expect(shown["require_ephemeral"] == .bool(true))
    #expect(shown["description"] == .string("a team"))
    #expect(shown["updated_by"] == .string(Program.actor))

    let replaced = try program.run(
      "set-label-policy", "--user", "alice@example.com", "--label", "tpu")
    #expect(replaced.text.contains("Replaced; revision 2."))
    #expect(replaced.text.contains("gpu, *       tpu\n"))
    #expect(try program.listed().first?.object?["max_runners"] == .null)

    let deleted = try program.run("delete-label-policy", "--user", "alice@example.com")
    #expect(deleted.status == 0)
    #expect(deleted.text.contains("Deleted."))
    #expect(try program.listed().isEmpty)

    let lines = try program.auditLines()
    #expect(
      lines.map { $0["event_type"]?.string } == [
        "policy_created", "policy_updated", "policy_deleted",
      ])
    #expect(lines.allSatisfy { $0["user_identity"]?.string == Program.actor })
    let change = try #require(lines[1]["event_data"]?.object)
    #expect(change["policy_user_identity"]?.string == "alice@example.com")
    #expect(change["revision"] == .integer(2))
    #expect(try Program.parse(change["before"])["allowed_labels"]?.strings == ["gpu", "*"])
    #expect(try Program.parse(change["after"])["allowed_labels"]?.strings == ["tpu"])
    let table = try DatabaseQueue(path: program.file("service.db")).read {
      try String.fetchAll($0, sql: "SELECT event_type FROM audit_log ORDER BY id")
    }
    #expect(table == ["policy_created", "policy_updated", "policy_deleted"])
  }

  @Test func `every fault of a policy is named, and nothing is saved`() throws {
    let outcome = try program.run(
      "set-label-policy", "--user", "a\u{1B}[31m", "--label", "", "--label", "k\u{212A}",
      "--label", "good", "--pattern", "(", "--pattern", "", "--max-runners=-1", "--runner-group",
      "0", "--description", "a\u{7}")
    #expect(outcome.status == 64)
    for fault in [
      "--user: must be", "--label '': must be", "--label 'k\u{212A}': must be",
      "--pattern '(': at offset", "--pattern '': must not be empty", "--max-runners: must be",
      "--runner-group 0: must be", "--description: must have",
    ] {
      #expect(outcome.errors.contains(fault), "\(fault)")
    }
    #expect(!outcome.errors.contains("'good'"))
    #expect(!outcome.errors.contains("\u{1B}"))
    let labels = (0...200).flatMap { ["--label", "l\($0)"] }
    let tooMany = try program.run(["set-label-policy", "--user", "a"] + labels)
    #expect(tooMany.status == 64)
    #expect(tooMany.errors.contains("--label: at most 200"))
    #expect(try program.listed().isEmpty)
    let most = try program.run(["set-label-policy", "--user", "a"] + labels.dropLast(2))
    #expect(most.status == 0)
    // All of it, since this is what was changed; the list cuts it off.
    #expect(most.text.contains(", l199\n"))
    #expect(try program.run("list-label-policies").text.contains("l0, l1, l2"))
    #expect(try !program.run("list-label-policies").text.contains("l199"))
  }

  @Test func `a dry run shows the change and makes none`() throws {
    let set = try program.run("set-label-policy", "--user", "bob", "--label", "gpu", "--dry-run")
    #expect(set.status == 0)
    #expect(set.text.contains("Nothing was changed."))
    #expect(try program.listed().isEmpty)
    #expect(try program.run("set-label-policy", "--user", "bob", "--label", "gpu").status == 0)
    let delete = try program.run("delete-label-policy", "--user", "bob", "--dry-run")
    #expect(delete.status == 0)
    #expect(delete.text.contains("Nothing was changed."))
    #expect(try program.listed().count == 1)
    #expect(try program.auditLines().count == 1)
  }

  @Test func `a policy is replaced only from the revision that the admin saw`() throws {
    let set = ["set-label-policy", "--user", "bob", "--label"]
    #expect(try program.run(set + ["gpu", "--if-revision", "0"]).status == 0)
    let second = try program.run(set + ["tpu", "--if-revision", "0"])
    #expect(second.status == 1)
    #expect(second.errors == "Nothing was changed: the policy has revision 1.\n")
    #expect(try program.run(set + ["tpu", "--if-revision", "0", "--dry-run"]).status == 1)
    #expect(try program.run(set + ["tpu", "--if-revision", "1"]).status == 0)
    #expect(try program.run("delete-label-policy", "--user", "bob").status == 0)
    let gone = try program.run(set + ["gpu", "--if-revision", "2"])
    #expect(gone.errors == "Nothing was changed: there is no policy.\n")
    #expect(try program.run(set + ["gpu", "--if-revision=-1"]).status == 64)
    #expect(try program.auditLines().count == 3)
  }

  @Test func `a policy that is not there cannot be deleted or shown`() throws {
    for dryRun in [[], ["--dry-run"]] {
      let outcome = try program.run(["delete-label-policy", "--user", "nobody"] + dryRun)
      #expect(outcome.status == 1)
      #expect(outcome.errors == "nobody has no label policy.\n")
    }
    #expect(try program.run("list-label-policies", "--user", "nobody").status == 1)
    #expect(try program.run("list-label-policies").text == "There are no label policies.\n")
  }

  @Test func `nothing changes where it cannot be audited`() throws {
    try FileManager.default.createDirectory(
      atPath: program.file("audit.jsonl"), withIntermediateDirectories: false)
    let outcome = try program.run("set-label-policy", "--user", "bob", "--label", "gpu")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("the audit log file cannot be written"))
    #expect(try program.listed().isEmpty)
  }

  @Test func `more policies than a page are listed once each, in columns`() throws {
    try program.database().write { transaction in
      for number in 0..<1203 {
        _ = try transaction.labelPolicies.save(
          LabelPolicy(allowedLabels: [.any]), of: "user-\(number)", by: "cli:test")
      }
      _ = try transaction.labelPolicies.save(
        LabelPolicy(description: "\u{1B}[31m"), of: "evil\u{9B}\u{202E}", by: "cli:test")
    }
    let identities = try program.listed().map { $0.object?["user_identity"]?.string ?? "" }
    #expect(identities.count == 1204)
    #expect(Set(identities).count == 1204)
    let table = try program.run("list-label-policies").text
    let lines = table.split(separator: "\n")
    #expect(lines.count == 1205)
    let header = try #require(lines.first)
    #expect(header.hasPrefix("IDENTITY"))
    let column = try #require(header.range(of: "LABELS"))
    let offset = header.distance(from: header.startIndex, to: column.lowerBound)
    for line in lines.dropFirst() {
      let cell = line[line.index(line.startIndex, offsetBy: offset)...]
      #expect(cell.hasPrefix("*  ") || cell.hasPrefix("-  "), "\(line)")
    }
    #expect(table.contains(#"evil\u009b\u202e"#))
    for raw in ["\u{1B}", "\u{9B}", "\u{202E}"] { #expect(!table.contains(raw)) }
    // One alone.
    #expect(try program.run("list-label-policies", "--user", "user-7").text.contains("user-7 "))
  }

  @Test(arguments: [
    "list-label-policies", "set-label-policy", "delete-label-policy", "export-security-events",
  ])
  func `help has an example`(command: String) throws {
    let outcome = try program.run(command, "--help")
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("Example:\n  runner-token-service \(command) "))
  }
}
