import Foundation
import GRDB
import JOSE
import Runners

/// Why a backup is not put in the database's place, or cannot be.
public struct RestoreRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
}

/// A backup that has been proved: a copy of it, in a directory of its own beside the database, brought to the schema of
/// this program. The copy goes with this object unless it was put in the database's place.
final class BackupProof {
  let copyPath: String
  /// Of the file that was given.
  let sha256: String
  /// The migrations that the copy needed.
  let migrations: [String]
  let log: VerifiedAuditLog
  private let directory: String

  /// Copies and proves the file. What is proved is the copy, so that nothing can change between.
  ///
  /// Throws `RestoreRefusal`, `AuditFault` where its audit log is not what was written, and `StorageError`.
  init(
    of backup: String, forDatabaseAt path: String, head: String?, now: Timestamp,
    onProgress: (_ done: Int, _ total: Int) -> Void
  ) throws {
    directory = "\(path)\(Self.ending)\(getpid())"
    copyPath = directory + "/database.db"
    // A copy of this kind has none. With one, the file alone is not the whole of it.
    for companion in DatabaseFiles.companions
    where FileManager.default.fileExists(atPath: backup + companion) {
      throw RestoreRefusal(
        description:
          "\(backup)\(companion) lies beside it: it was not made by backup-db, or somebody has it open"
      )
    }
    guard mkdir(directory, 0o700) == 0 else {
      throw RestoreRefusal(
        description: "\(directory) cannot be made: \(String(cString: strerror(errno)))")
    }
    do {
      sha256 = try Self.copy(backup, to: copyPath)
      try Self.checkSound(copyPath, of: backup)
      migrations = try Database.migrate(path: copyPath, now: now)
      let database = try Database(path: copyPath) { now }
      log = try database.verifyAuditLog(head: head, onProgress: onProgress)
      // Its rows may be whole, and it made so that the next ones need not stay so.
      let changes = try database.auditSchemaChanges()
      guard changes.isEmpty else {
        let list = changes.map(\.description).joined(separator: ", ")
        throw RestoreRefusal(
          description: "\(backup) does not protect its audit log as this program does: \(list)")
      }
    } catch {
      Self.remove(directory)
      throw error
    }
  }

  deinit {
    Self.remove(directory)
  }

  /// Of the directory's name, before the number of the process.
  private static let ending = ".restore-"

  /// For the one who has the database alone: nobody else works on a copy then. Throws `RestoreRefusal`.
  static func removeLeftovers(besideDatabaseAt path: String) throws(RestoreRefusal) {
    let database = URL(fileURLWithPath: path)
    try RestorationLeftovers.remove(
      from: database.deletingLastPathComponent(), prefix: database.lastPathComponent + ending)
  }

  private static func remove(_ directory: String) {
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// Returns the SHA-256 of what was copied.
  private static func copy(_ source: String, to path: String) throws -> String {
    let input = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard input >= 0 else { throw unreadable(source) }
    let reader = FileHandle(fileDescriptor: input, closeOnDealloc: true)
    var status = stat()
    guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw RestoreRefusal(description: "\(source) is not a file")
    }
    let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard output >= 0 else { throw unreadable(path) }
    let writer = FileHandle(fileDescriptor: output, closeOnDealloc: true)
    let digest = try RunningDigest()
    while let part = try reader.read(upToCount: 1 << 20), !part.isEmpty {
      try digest.add(Array(part))
      try writer.write(contentsOf: part)
    }
    try writer.synchronize()
    return try digest.finish()
  }

  private static func unreadable(_ path: String) -> RestoreRefusal {
    RestoreRefusal(description: "\(path): \(String(cString: strerror(errno)))")
  }

  /// Before anything of ours works on it.
  private static func checkSound(_ path: String, of backup: String) throws {
    let verdict: String
    do {
      var configuration = Configuration()
      configuration.readonly = true
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      verdict =
        try queue.read { database in
          guard try database.tableExists("schema_migrations") else { return nil }
          return try String.fetchOne(database, sql: "PRAGMA integrity_check")
        } ?? "it is a database of something else"
      try queue.close()
    } catch let error as DatabaseError {
      throw RestoreRefusal(
        description: "\(backup) is not a sound database: \(error.message ?? "it cannot be read")")
    }
    guard verdict == "ok" else {
      throw RestoreRefusal(description: "\(backup) is not a sound database: \(verdict)")
    }
  }
}
