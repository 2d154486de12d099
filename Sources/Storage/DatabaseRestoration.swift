import Foundation
import GRDB
public import Runners

/// A backup on its way into the database's place.
public final class DatabaseRestoration {
  /// How the database that is to be replaced compares with the backup.
  public enum Former: Sendable, Equatable {
    /// There is none at the path.
    case absent
    /// It cannot be read, for this reason: what is lost with it cannot be told.
    case unreadable(String)
    /// Its last audit record, how many of its records are newer than the backup, and whether it goes on from the backup's
    /// last one; nil where that one has been archived since.
    case readable(head: AuditHead, newerRecords: Int, continuesBackup: Bool?)
  }

  /// What was put aside, and where.
  public struct Outcome: Sendable, Equatable {
    /// The paths that the old files have now.
    public let setAside: [String]
    /// The last row of the audit log that is in place now: the record of this restoration.
    public let head: AuditHead
  }

  /// What the backup takes the place of, or would.
  public let former: Former
  private let path: String
  private let backup: String
  private let proof: BackupProof
  /// Alone, or for a look with others.
  private let use: DatabaseUse
  private let isDryRun: Bool
  private let now: Timestamp

  /// The backup's audit log, which was verified.
  public var log: VerifiedAuditLog { proof.log }
  /// The migrations that the backup needed to come to the schema of this program.
  public var migrations: [String] { proof.migrations }

  /// Proves the backup: it is sound, of no newer schema than this program's, its audit log is whole, and has `head` in it if
  /// one is given. Compares it with the database at `path`. Changes nothing there.
  ///
  /// Throws `RestoreRefusal` for a backup that is of no use, and, unless `isDryRun`, while anybody has the database open,
  /// which nobody can from here on; `AuditFault` where its audit log is not what was written; `StorageError`, also for a
  /// look while it is being restored.
  public init(
    of backup: String, toDatabaseAt path: String, head: String? = nil, isDryRun: Bool,
    now: Timestamp, onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    use = isDryRun ? try DatabaseUse(ofDatabaseAt: path) : try Self.takeAlone(path)
    self.isDryRun = isDryRun
    self.path = path
    self.backup = backup
    self.now = now
    // Nobody else works on a backup now: what lies there is of one who was killed.
    if !isDryRun { try BackupProof.removeLeftovers(besideDatabaseAt: path) }
    proof = try BackupProof(
      of: backup, forDatabaseAt: path, head: head, now: now, onProgress: onProgress)
    former = Self.compare(path, use: isDryRun ? use : nil, with: proof.log.head, now: now)
  }

  private static func takeAlone(_ path: String) throws -> DatabaseUse {
    guard let use = try DatabaseUse(ofDatabaseAloneAt: path) else {
      throw RestoreRefusal(
        description:
          "\(path) is in use; stop the workers, the maintenance process and every command first: systemctl stop runner-token-service.target"
      )
    }
    return use
  }

  private static func compare(
    _ path: String, use: DatabaseUse?, with backup: AuditHead, now: Timestamp
  ) -> Former {
    guard FileManager.default.fileExists(atPath: path) else { return .absent }
    do {
      let database = try Database(path: path, use: use) { now }
      return try database.read { transaction in
        let log = transaction.auditLog
        let newer = try Int.fetchOne(
          transaction.database, sql: "SELECT count(*) FROM audit_log WHERE id > ?",
          arguments: [backup.id])
        return .readable(
          head: try log.head(), newerRecords: newer ?? 0,
          continuesBackup: try log.hash(id: backup.id).map { $0 == backup.hash })
      }
    } catch {
      return .unreadable("\(error)")
    }
  }

  /// Puts the database and the audit log's file aside under dated names, and the backup in the database's place, with a
  /// record of that. Signals that would end the program take effect afterwards. If it breaks off nevertheless, there is
  /// either nothing new or no database at all, and what was put aside is whole.
  ///
  /// Throws `RestoreRefusal` where a file cannot be moved, and `StorageError` where the old database cannot be made one file
  /// or the record cannot be written; all is as before then.
  public func place(auditedIn file: AuditFile, by actor: AuditEvent.Actor) throws -> Outcome {
    try place(auditedIn: file, by: actor, betweenSteps: {})
  }

  /// `betweenSteps`: called after each change of a file.
  func place(
    auditedIn file: AuditFile, by actor: AuditEvent.Actor, betweenSteps: @escaping () throws -> Void
  ) throws -> Outcome {
    precondition(!isDryRun, "a dry run changes nothing")
    return try Interruption.postponed {
      try file.checkWritable()
      let prefix = Self.newNamePrefix(of: file.path)
      let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent()
      try RestorationLeftovers.remove(from: folder, prefix: prefix)
      let newFile = AuditFile(path: "\(folder.path)/\(prefix)\(getpid())")
      var moves = Moves(onMove: betweenSteps)
      do {
        let date = now.description.filter { $0.isNumber || $0 == "T" }.prefix(15) + "Z"
        let asideFile = Self.asideName(of: file.path, date: String(date))
        let head = try record(auditedIn: newFile, by: actor, setAside: asideFile)
        try newFile.synchronize()
        try betweenSteps()
        try foldFormerLog()
        // The database first and last: beside a file that is not its own, it would look like one that was tampered with. And
        // before its companions: it must not be opened without them.
        for suffix in [""] + DatabaseFiles.companions {
          try moves.move(path + suffix, to: path + DatabaseFiles.setAside + "\(date)\(suffix)")
        }
        try moves.move(file.path, to: asideFile)
        let setAside = moves.done.map(\.to)
        try moves.move(newFile.path, to: file.path)
        try Self.synchronizeDirectory(of: file.path)
        try moves.move(proof.copyPath, to: path)
        try Self.synchronizeDirectory(of: path)
        return Outcome(setAside: setAside, head: head)
      } catch {
        moves.undo()
        unlink(newFile.path)
        throw error
      }
    }
  }

  /// All of the old database into its one file: whoever kills us between two moves has not parted it from its last commits.
  private func foldFormerLog() throws {
    guard case .readable = former else { return }
    let now = now
    try Database(path: path, use: nil) { now }.foldLog()
  }

  /// For the new audit file, beside the old one until it takes its place. The mirror takes no such name for a rotated file.
  private static func newNamePrefix(of path: String) -> String {
    ".\(URL(fileURLWithPath: path).lastPathComponent).restore-"
  }

  private static func asideName(of path: String, date: String) -> String {
    let url = URL(fileURLWithPath: path)
    let ending = url.pathExtension.isEmpty ? "" : "." + url.pathExtension
    return url.deletingPathExtension().path + AuditMirror.setAside + "\(date)\(ending)"
  }

  /// Files that were given other names.
  private struct Moves {
    let onMove: () throws -> Void
    private(set) var done: [(from: String, to: String)] = []

    init(onMove: @escaping () throws -> Void) {
      self.onMove = onMove
    }

    /// Leaves out a file that is not there. Never over another.
    mutating func move(_ path: String, to target: String) throws {
      var status = stat()
      guard lstat(path, &status) == 0 else { return }
      guard lstat(target, &status) != 0 else {
        throw RestoreRefusal(description: "\(target) exists; try again in a second")
      }
      guard rename(path, target) == 0 else { throw DatabaseRestoration.failure(target) }
      done.append((path, target))
      try onMove()
    }

    /// The last one first, so that there is no database while the rest is not as it was.
    func undo() {
      for (path, target) in done.reversed() { rename(target, path) }
    }
  }

  /// In the backup's own log, before it is anybody's. Then everything into its one file.
  private func record(
    auditedIn file: AuditFile, by actor: AuditEvent.Actor, setAside: String
  ) throws -> AuditHead {
    var data: [String: AuditEvent.Value] = [
      "backup": .text(backup), "backup_sha256": .text(proof.sha256),
      "backup_head": .text(log.head.hash), "backup_last_id": .number(log.head.id),
      "audit_file_set_aside": .text(setAside),
    ]
    if case .readable(let head, let newer, _) = former {
      data["replaced_head"] = .text(head.hash)
      data["replaced_last_id"] = .number(head.id)
      data["lost_records"] = .number(Int64(newer))
    }
    let now = now
    let database = try Database(path: proof.copyPath, use: nil) { now }
    let event = AuditEvent(.restore, actor: actor, data: data)
    let last = log.head.id
    let head = try database.write(auditedIn: file) { transaction, record in
      // The new file begins with this record: those before it are in the one that was put aside.
      try transaction.database.execute(
        sql: """
          INSERT INTO audit_mirror (id, last_id) VALUES (1, ?)
          ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id, size = NULL, end_sha256 = NULL
          """, arguments: [last])
      try record(event)
      return try transaction.auditLog.head()
    }
    try database.foldLog()
    return head
  }

  private static func synchronizeDirectory(of path: String) throws {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(directory) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(directory) }
  }

  fileprivate static func failure(_ path: String) -> RestoreRefusal {
    RestoreRefusal(description: "\(path): \(String(cString: strerror(errno)))")
  }
}
