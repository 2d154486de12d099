import Foundation
import GRDB
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

/// `backup-db --directory` and `restore-db`, run as an admin runs them.
@Suite struct BackupCommandTests {
  private let program: Program
  private let folder: String

  init() throws {
    program = try Program()
    folder = program.file("backups")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  private func backups() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  private func touch(_ name: String) throws {
    try Data().write(to: URL(filePath: "\(folder)/\(name)"))
  }

  @Test func `a directory keeps the newest backups, and files of other names`() throws {
    let old = (1...5).map { "service-2026010\($0)T000000Z.db" }
    let others = [
      "service-20260101T000000Z.db.gz", "service-20260101.db", "other-20260101T000000Z.db",
      "xservice-20260101T000000Z.db", "service.db",
    ]
    for name in old + others { try touch(name) }
    let link = "\(folder)/service-20250101T000000Z.db"
    try FileManager.default.createSymbolicLink(
      atPath: link, withDestinationPath: program.file("service.db"))

    let outcome = try program.run("backup-db", "--directory", folder, "--keep", "3", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try Program.parse(.string(outcome.text))
    let new = try #require(report["path"]?.string)
    #expect(report["deleted"]?.array?.count == 3)
    let name = URL(filePath: new).lastPathComponent
    #expect(name.wholeMatch(of: /service-\d{8}T\d{6}Z\.db/) != nil)
    #expect(
      try Set(backups())
        == Set(old.suffix(2) + others + [name, "service-20250101T000000Z.db"]))
  }

  @Test
  func `what a power failure left of a backup goes after a day, and what is being made stays`()
    throws
  {
    let abandoned = [
      "service-20260101T000000Z.db.partial-123", "service-20260101T000000Z.db.partial-123-journal",
    ]
    let others = [
      "service-20260102T000000Z.db.partial-124", "other-20260101T000000Z.db.partial-123",
      "service-20260101T000000Z.db.partial-x", "service.db.partial-123",
    ]
    for name in abandoned + others { try touch(name) }
    for name in abandoned + others.dropFirst() {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: "\(folder)/\(name)")
    }
    // Without --keep nothing is deleted.
    #expect(try program.run("backup-db", "--directory", folder).status == 0)
    #expect(try Set(backups()).isSuperset(of: abandoned + others))
    let outcome = try program.run("backup-db", "--directory", folder, "--keep", "9", "--force")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for name in abandoned { #expect(outcome.text.contains("Deleted \(folder)/\(name).\n")) }
    let left = try Set(backups())
    #expect(left.isSuperset(of: others) && left.isDisjoint(with: abandoned))
  }

  @Test func `nothing is deleted unless the new backup is there, and never that one`() throws {
    // Newer by their names than any that can be made: a clock was wrong.
    let future = ["service-29990101T000000Z.db", "service-29990102T000000Z.db"]
    for name in future { try touch(name) }
    #expect(try program.run("backup-db", "--directory", folder, "--keep", "1").status == 0)
    let kept = try backups()
    #expect(kept.count == 1 && !future.contains(kept[0]))

    for name in future { try touch(name) }
    // A database that is damaged makes no backup.
    let path = program.file("service.db")
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64)
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.seek(toOffset: 3 * 4096)
    try handle.write(contentsOf: Data(repeating: 0xFF, count: Int(size) - 3 * 4096))
    try handle.close()
    #expect(try program.run("backup-db", "--directory", folder, "--keep", "1").status == 1)
    #expect(try backups() == (kept + future).sorted())
  }

  @Test(arguments: [
    [], ["--output", "x", "--directory", "y"], ["--output", "x", "--keep", "2"],
    ["--directory", "y", "--keep", "0"], ["--directory", ""],
  ])
  func `options that do not go together are a mistake`(options: [String]) throws {
    #expect(try program.run(["backup-db"] + options).status == 64)
  }

  @Test func `a backup made while two processes write is sound, and they go on`() throws {
    let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().path
    let writers = try (0..<2).map { _ in
      try ChildProcess(
        products + "/audit-writer",
        [program.file("service.db"), program.file("audit.jsonl"), "1500"])
    }
    var made = 0
    while writers.contains(where: \.isRunning) || made < 2 {
      let outcome = try program.run("backup-db", "--output", "\(folder)/\(made).db")
      #expect(outcome.status == 0, "\(outcome.errors)")
      made += 1
    }
    for writer in writers { #expect(writer.finish().status == 0) }
    for number in 0..<made {
      let database = try Database(path: "\(folder)/\(number).db") { Timestamp(Date()) }
      let log = try database.verifyAuditLog()
      #expect(log.rows >= 1)
    }
    #expect(try program.database().verifyAuditLog().rows == 3000 + made)
  }

  @Test func `a backup is restored, and what was lost is told`() throws {
    #expect(try program.run("set-label-policy", "--user", "alice", "--label", "gpu").status == 0)
    let copy = "\(folder)/copy.db"
    #expect(try program.run("backup-db", "--output", copy).status == 0)
    #expect(try program.run("delete-label-policy", "--user", "alice").status == 0)

    let look = try program.run("restore-db", copy, "--dry-run")
    #expect(look.status == 0, "\(look.errors)")
    #expect(look.text.contains("1 records are newer than the backup"))
    #expect(look.text.hasSuffix("Nothing was changed.\n"))
    #expect(try program.listed().isEmpty)

    let outcome = try program.run("restore-db", copy)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.text.contains("sync-github"))
    #expect(try program.listed().count == 1)
    let event = try #require(try program.auditLines().last)
    #expect(event["event_type"] == .string("restore"))
    #expect(event["user_identity"] == .string(Program.actor))
    let check = try program.run("verify-audit-log", "--mirror", program.file("audit.jsonl"))
    #expect(check.status == 0, "\(check.errors)")
  }

  @Test func `nothing is restored while a worker or the maintenance process runs`() throws {
    let copy = "\(folder)/copy.db"
    #expect(try program.run("backup-db", "--output", copy).status == 0)
    for arguments in [["maintain"], ["worker", "--listen", program.file("fcgi.sock")]] {
      let process = try program.start(arguments)
      let refused = try eventually(seconds: 20) {
        try program.run("restore-db", copy, "--dry-run").status == 0
          && program.run("restore-db", copy).status == 1
      }
      #expect(refused, "\(arguments)")
      let outcome = try program.run("restore-db", copy)
      #expect(outcome.errors.contains("is in use"))
      #expect(outcome.errors.contains("systemctl stop runner-token-service.target"))
      #expect(process.stop() == 0)
    }
    #expect(try program.run("restore-db", copy).status == 0)
  }

  @Test func `what is no backup is refused in words`() throws {
    let text = "\(folder)/text.db"
    try "no database".write(toFile: text, atomically: true, encoding: .utf8)
    for (file, words) in [
      (text, "is not a sound database"), ("\(folder)/absent", "No such file"),
      (folder, "is not a file"),
    ] {
      let outcome = try program.run("restore-db", file)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("Nothing was restored"))
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
    #expect(try program.run("restore-db", text, "--head", "abc").status == 64)
    #expect(try program.run("status").status == 0)
  }
}
