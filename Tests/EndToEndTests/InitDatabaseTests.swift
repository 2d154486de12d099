import Foundation
import GRDB
import Glibc
import StrictJSON
import TestSupport
import Testing

/// `init-db`, run as an admin or the package's scripts run it.
@Suite struct InitDatabaseTests {
  private let program: Program
  private let database: String
  private let backups: String

  init() throws {
    program = try Program()
    database = program.file("service.db")
    backups = program.file("backups")
    try FileManager.default.createDirectory(atPath: backups, withIntermediateDirectories: false)
  }

  private func removeDatabase() throws {
    for ending in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: database + ending)
    }
  }

  /// The database that an earlier version left, which lacks the last migration.
  private func makeEarlierDatabase() throws {
    try removeDatabase()
    let dump = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../StorageTests/Schemas/v5.sql")
    let queue = try DatabaseQueue(path: database)
    let sql = try String(contentsOf: dump, encoding: .utf8)
    try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
    try queue.close()
  }

  private func migrations(of path: String) throws -> Int? {
    try DatabaseQueue(path: path).read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM schema_migrations")
    }
  }

  private func mode(of path: String) throws -> mode_t {
    var status = stat()
    try #require(stat(path, &status) == 0)
    return status.st_mode & 0o7777
  }

  @Test func `a look says whether there is something to do, and does nothing`() throws {
    let current = try program.run("init-db", "--check")
    #expect(current.status == 0 && current.text == "\(database) is up to date.\n")

    try makeEarlierDatabase()
    let earlier = try program.run("init-db", "--check", "--backup-directory", backups)
    #expect(earlier.status == 2 && earlier.text == "\(database) lacks 0006_runner_lists.\n")
    #expect(try migrations(of: database) == 5)

    try removeDatabase()
    let absent = try program.run("init-db", "--check")
    #expect(absent.status == 2 && absent.text.contains("lacks 0001_"))
    #expect(!FileManager.default.fileExists(atPath: database))
    #expect(try FileManager.default.contentsOfDirectory(atPath: backups) == [])
  }

  @Test func `a look at a database of a later version is an error`() throws {
    try DatabaseQueue(path: database).write {
      try $0.execute(
        sql: "INSERT INTO schema_migrations VALUES (99, '0099_newer', 'x', '2030-01-01')")
    }
    let outcome = try program.run("init-db", "--check")
    #expect(outcome.status == 1 && outcome.errors.contains("older than its database"))
  }

  @Test func `what is about to be migrated is copied first, and the log says where`() throws {
    try makeEarlierDatabase()
    let outcome = try program.run("init-db", "--backup-directory", backups)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let copy = try #require(try FileManager.default.contentsOfDirectory(atPath: backups).first)
    let path = "\(backups)/\(copy)"
    #expect(
      outcome.text == "Wrote \(path).\n\(database): applied 0006_runner_lists.\n")
    #expect(try mode(of: path) == 0o600)
    #expect(try migrations(of: path) == 5)
    #expect(try migrations(of: database) == 6)
    let last = try #require(try program.auditLines().last)
    #expect(last["event_type"]?.string == "export")
    #expect(last["event_data"]?.object?["output"]?.string == path)
    #expect(last["user_identity"]?.string == Program.actor)

    // With nothing to migrate there is nothing to copy.
    #expect(try program.run("init-db", "--backup-directory", backups).status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: backups) == [copy])
    // A new database has nothing to lose.
    try removeDatabase()
    #expect(try program.run("init-db", "--backup-directory", backups).status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: backups) == [copy])
  }

  @Test func `what cannot be copied is not migrated`() throws {
    try makeEarlierDatabase()
    let outcome = try program.run("init-db", "--backup-directory", program.file("absent"))
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("absent/service-"))
    #expect(try migrations(of: database) == 5)
    // Nor what cannot be recorded.
    try? FileManager.default.removeItem(atPath: program.file("audit.jsonl"))
    try FileManager.default.createDirectory(
      atPath: program.file("audit.jsonl"), withIntermediateDirectories: false)
    #expect(try program.run("init-db", "--backup-directory", backups).status == 1)
    #expect(try migrations(of: database) == 5)
    #expect(try FileManager.default.contentsOfDirectory(atPath: backups) == [])
  }

  @Test func `the audit log is its group's to read under any umask, if the service makes it`()
    throws
  {
    let log = program.file("audit.jsonl")
    for mask in ["077", "027", "000"] {
      try? FileManager.default.removeItem(atPath: log)
      let outcome = try program.run(
        shell: "umask \(mask); exec \"$0\" set-label-policy --user alice --label gpu")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try mode(of: log) == 0o640)
    }
    // Who made it themselves has decided otherwise.
    #expect(chmod(log, 0o600) == 0)
    #expect(try program.run("set-label-policy", "--user", "alice", "--label", "tpu").status == 0)
    #expect(try mode(of: log) == 0o600)
  }
}
