import Foundation
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct AuditMirrorTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
  }

  private func catchUp() throws -> Int { try log.database.catchUp(log.file).records }

  private func append(_ text: String) throws {
    let handle = try #require(FileHandle(forWritingAtPath: log.filePath))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
  }

  private func rotate(_ name: String = "audit.jsonl.1") throws {
    try FileManager.default.moveItem(
      atPath: log.filePath, toPath: log.directory.file(name))
  }

  @Test func `a file that has everything is left alone`() throws {
    #expect(try catchUp() == 0)
    try log.write(3)
    #expect(try catchUp() == 0)
    #expect(try catchUp() == 0)
    #expect(try log.mirrored() == [1, 2, 3])
  }

  @Test func `what the file lacks comes, each record once, however often`() throws {
    try log.write(2)
    try log.writeWithoutFile(2)
    try log.write(1)
    #expect(try catchUp() == 2)
    #expect(try log.mirrored() == [1, 2, 5, 3, 4])
    #expect(try catchUp() == 0)
    try log.writeWithoutFile(1)
    try log.write(1)
    #expect(try catchUp() == 1)
    #expect(try catchUp() == 0)
    #expect(try log.mirrored() == [1, 2, 5, 3, 4, 7, 6])
    #expect(try log.mirrorFault() == nil)
  }

  @Test func `more than is written at a time comes too`() throws {
    try log.writeWithoutFile(501)
    #expect(try catchUp() == 501)
    #expect(try log.mirrored() == Array(1...501))
  }

  @Test(arguments: ["audit.jsonl.1", "audit.jsonl-20260131", "audit.jsonl.7"])
  func `lines in a file that was rotated away are not written again`(name: String) throws {
    try log.write(2)
    #expect(try catchUp() == 0)
    try log.write(2)
    try rotate(name)
    try log.write(1)
    try log.writeWithoutFile(1)
    #expect(try catchUp() == 1)
    #expect(try log.mirrored(name) == [1, 2, 3, 4, 5, 6])
  }

  @Test func `lines from after the last look are found through two rotations`() throws {
    try log.write(2)
    #expect(try catchUp() == 0)
    try log.write(2)
    try rotate("audit.jsonl.2")
    try log.write(2)
    try log.writeWithoutFile(1)
    try rotate("audit.jsonl.1")
    #expect(try catchUp() == 1)
    #expect(try log.mirrored("audit.jsonl.2", "audit.jsonl.1") == [1, 2, 3, 4, 5, 6, 7])
  }

  // MARK: - Which files

  @Test(arguments: [
    "audit.jsonl.1", "audit.jsonl-20260131", "audit.jsonl-20260131-1700000000", "audit.1.jsonl",
    "audit-20260131.jsonl",
  ])
  func `a name that logrotate gives is known`(name: String) {
    #expect(AuditMirror.isRotated(name, from: "audit.jsonl"))
  }

  @Test(arguments: [
    "audit.jsonl", "audit.jsonl.1.gz", "audit-20260131.jsonl.xz", "other.jsonl", "audit.json",
    "audit.db-wal", "auditor.jsonl", "audit-before-restore-20260131T120000Z.jsonl",
  ])
  func `another name is not`(name: String) {
    #expect(!AuditMirror.isRotated(name, from: "audit.jsonl"))
  }

  private func setTime(_ name: String, _ seconds: TimeInterval) throws {
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: seconds)],
      ofItemAtPath: log.directory.file(name))
  }

  private func copy(_ name: String, to other: String) throws {
    try FileManager.default.copyItem(
      atPath: log.directory.file(name), toPath: log.directory.file(other))
  }

  @Test(arguments: [0, 4_000_000_000] as [TimeInterval])
  func `no clock and no copy of a file makes a line come twice`(time: TimeInterval) throws {
    try log.write(2)
    #expect(try catchUp() == 0)
    try log.write(2)
    try rotate()
    try copy("audit.jsonl.1", to: "audit.jsonl.1.copy")
    try log.write(2)
    try setTime("audit.jsonl.1", time)
    #expect(try catchUp() == 0)
    try log.write(1)
    try copy("audit.jsonl", to: "audit.jsonl-before")
    try log.write(1)
    try setTime("audit.jsonl", time)
    try log.writeWithoutFile(1)
    #expect(try catchUp() == 1)
    #expect(try log.mirrored("audit.jsonl.1") == Array(1...9))
  }

  @Test func `lines in a file that cannot be found are not written again, and that is said`() throws
  {
    try log.write(2)
    #expect(try catchUp() == 0)
    try log.write(2)
    try log.writeWithoutFile(1)
    try log.write(1)
    try rotate("audit.jsonl.1.gz")
    try log.write(1)
    // After that, it is certain where a line belongs.
    try log.writeWithoutFile(1)
    try log.write(1)
    let outcome = try log.database.catchUp(log.file)
    #expect(outcome == CaughtUpMirror(records: 1, undecided: 3...6))
    #expect(outcome.warning?.contains("records 3 to 6") == true)
    #expect(try log.mirrored() == [7, 9, 8])
    try log.writeWithoutFile(1)
    #expect(try log.database.catchUp(log.file) == CaughtUpMirror(records: 1))
    #expect(try log.mirrored() == [7, 9, 8, 10])
  }

  @Test func `a file that is gone with nothing in doubt is no matter`() throws {
    try log.write(2)
    #expect(try catchUp() == 0)
    try rotate("elsewhere")
    try log.write(1)
    try log.writeWithoutFile(1)
    let outcome = try log.database.catchUp(log.file)
    #expect(outcome == CaughtUpMirror(records: 1))
    #expect(outcome.warning == nil)
    #expect(try log.mirrored() == [3, 4])
  }

  @Test func `a counter that somebody set ahead does not stop the file from coming up to date`()
    throws
  {
    try log.write(2)
    try log.tamper("UPDATE sqlite_sequence SET seq = 4000000000000 WHERE name = 'audit_log'")
    try log.writeWithoutFile(2)
    #expect(try catchUp() == 2)
    #expect(try catchUp() == 0)
    #expect(try log.mirrored() == [1, 2, 4_000_000_000_001, 4_000_000_000_002])
  }

  @Test(arguments: [Int64.min, -1, 0])
  func `a mark that nobody can have made counts as none`(mark: Int64) throws {
    try log.write(2)
    try log.writeWithoutFile(1)
    try log.tamper("INSERT INTO audit_mirror (id, last_id) VALUES (1, \(mark))")
    #expect(try catchUp() == 1)
    #expect(try log.mirrored() == [1, 2, 3])
  }

  @Test func `a look at an empty file makes no line come twice later`() throws {
    try log.write(2)
    #expect(try catchUp() == 0)
    try log.write(1)
    try rotate("audit.jsonl.1.gz")
    #expect(try log.database.catchUp(log.file) == CaughtUpMirror(records: 0, undecided: 3...3))
    try log.write(2)
    try rotate("audit.jsonl.2.gz")
    #expect(try log.database.catchUp(log.file) == CaughtUpMirror(records: 0, undecided: 3...5))
    #expect(try log.mirrored() == [])
  }

  @Test func `a line that a crash tore is cut off and its record written again`() throws {
    try log.write(2)
    try log.writeWithoutFile(1)
    try append(#"{"event_type":"refresh","id":3,"succ"#)
    #expect(try catchUp() == 1)
    #expect(try log.mirrored() == [1, 2, 3])
  }

  @Test func `a writer does not add to a line that another's crash tore`() throws {
    try log.write(2)
    try log.writeWithoutFile(1)
    try append(#"{"event_type":"refresh","id":3,"succ"#)
    try log.write(1)
    #expect(try log.mirrored() == [1, 2, 4])
    #expect(try catchUp() == 1)
    #expect(try log.mirrored() == [1, 2, 4, 3])
  }

  @Test func `a long text of somebody else's is not removed but closed`() throws {
    let foreign = String(repeating: "x", count: 40_000)
    try log.write(1)
    try append(foreign)
    try log.write(1)
    let lines = try String(contentsOfFile: log.filePath, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[1] == foreign)
  }

  @Test func `a file that lost its end to a power failure gets it back`() throws {
    try log.write(4)
    #expect(try catchUp() == 0)
    try log.write(2)
    let lines = try String(contentsOfFile: log.filePath, encoding: .utf8).split(separator: "\n")
    // Not more than what came after the last look, which left all before on disk.
    let kept = lines[..<4].joined(separator: "\n") + "\n"
    try kept.write(toFile: log.filePath, atomically: false, encoding: .utf8)
    #expect(try catchUp() == 2)
    #expect(try log.mirrored() == [1, 2, 3, 4, 5, 6])
  }

  @Test func `an outage ends with the records of that time in the file`() throws {
    try log.write(1)
    try rotate()
    try FileManager.default.createDirectory(
      atPath: log.filePath, withIntermediateDirectories: false)
    #expect(throws: StorageError.self) { try log.write(1) }
    #expect(throws: StorageError.self) { try catchUp() }
    try FileManager.default.removeItem(atPath: log.filePath)
    #expect(try catchUp() == 1)
    #expect(try log.mirrored("audit.jsonl.1") == [1, 2])
  }

  @Test func `two processes that do it at once write each record once`() throws {
    try log.writeWithoutFile(1000)
    let others = try (0..<2).map { _ in
      (try Storage.Database(path: log.path) { Timestamp(Date()) }, AuditFile(path: log.filePath))
    }
    DispatchQueue.concurrentPerform(iterations: 2) { index in
      _ = try? others[index].0.catchUp(others[index].1)
    }
    let ids = try log.mirrored()
    #expect(Set(ids) == Set(1...1000))
    #expect(ids.count == 1000)
  }
}
