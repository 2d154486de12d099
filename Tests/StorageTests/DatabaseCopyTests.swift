import Foundation
import GRDB
import Glibc
import TestSupport
import Testing

@testable import Storage

@Suite struct DatabaseCopyTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
    try log.write(3)
  }

  private func folder(_ name: String) throws -> String {
    let path = log.directory.file(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    return path
  }

  @Test func `a backup is verified where it lies, and nothing comes beside it`() throws {
    let folder = try folder("backups")
    try log.database.backUp(to: folder + "/b.db")
    let before = try Data(contentsOf: URL(fileURLWithPath: folder + "/b.db"))
    #expect(try DatabaseCopy(path: folder + "/b.db").verifyAuditLog().rows == 3)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["b.db"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/b.db")) == before)
  }

  /// What an admin has who copies the files by hand.
  @Test(arguments: [["", "-wal"], ["", "-wal", "-shm"]])
  func `a copy is verified with what is in the write-ahead log beside it`(endings: [String]) throws
  {
    let folder = try folder("copy")
    for ending in endings {
      try FileManager.default.copyItem(atPath: log.path + ending, toPath: folder + "/c.db" + ending)
    }
    #expect(try DatabaseCopy(path: folder + "/c.db").verifyAuditLog().head == (try log.head()))
  }

  @Test func `a database in the file alone, in WAL mode, is read without companions`() throws {
    let folder = try folder("alone ?#%20")
    try DatabaseQueue(path: log.path).writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    try FileManager.default.copyItem(atPath: log.path, toPath: folder + "/c.db")
    #expect(try DatabaseCopy(path: folder + "/c.db").verifyAuditLog().rows == 3)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["c.db"])
  }

  @Test func `the database itself can be read while it is written`() throws {
    let copy = try DatabaseCopy(path: log.path)
    try log.write(2)
    #expect(try copy.verifyAuditLog().rows == 5)
  }

  @Test func `nothing can be written, and what is no database is refused`() throws {
    let copy = try DatabaseCopy(path: log.path)
    #expect(throws: StorageError.self) {
      try copy.read { try $0.database.execute(sql: "DELETE FROM write_probe") }
    }
    #expect(throws: StorageError.self) { try DatabaseCopy(path: log.path + ".absent") }
    #expect(throws: StorageError.self) { try DatabaseCopy(path: log.filePath) }
    #expect(!FileManager.default.fileExists(atPath: log.path + ".absent"))
  }
}
