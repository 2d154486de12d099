import ArgumentParser
import Foundation
import Glibc
import Runners
import Storage
import TokenService

/// The service's database and audit log, for a command that works beside the workers.
struct ServiceState {
  let database: Database
  private let auditFile: AuditFile

  /// As the database's owner from here on, where root has started the program.
  init(_ settings: LocalSettings) throws {
    database = try Self.database(at: settings.databasePath)
    auditFile = AuditFile(path: settings.auditLogPath)
  }

  /// The database, opened as its owner: no other part of the program opens it.
  static func database(at path: String) throws -> Database {
    try DatabaseOwner.become(ofDatabaseAt: path)
    return try Database(path: path) { Timestamp(Date()) }
  }

  /// Whoever started the program: the real user, or whom sudo names. Only root is believed a variable, since root could
  /// write anything else as well; so behind sudo it is a hint and no proof, for which there is sudo's own log.
  static let actor: AuditEvent.Actor = {
    if geteuid() == 0, let name = ProcessInfo.processInfo.environment["SUDO_USER"],
      getpwnam(name) != nil
    {
      return AuditEvent.Actor(identity: "cli:" + name)
    }
    let id = getuid()
    let name = getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? String(id)
    return AuditEvent.Actor(identity: "cli:" + name)
  }()

  /// Changes the database. Does not begin where the audit log's file cannot be written.
  func change<Result>(
    _ body: (Transaction, _ record: (AuditEvent) throws -> Void) throws -> Result
  ) throws -> Result {
    try auditFile.checkWritable()
    return try database.write(auditedIn: auditFile, body)
  }

  /// Records that the log is about to be exported. Returns the log's head, which then is this record.
  func recordExport(_ event: AuditEvent) throws -> AuditHead {
    try change { transaction, record in
      try record(event)
      return try transaction.auditLog.head()
    }
  }

  /// Gives the audit log's file every record that it lacks, before rows are removed from the table.
  func bringAuditFileUpToDate() throws {
    if let warning = try database.catchUp(auditFile).warning {
      Diagnostic.print("Warning: \(warning).")
    }
  }

  /// Removes the rows of an archive that was written.
  func remove(_ archive: AuditArchive, onProgress: (_ rows: Int) -> Void) throws {
    try archive.removeRows(
      from: database, auditedIn: auditFile, by: Self.actor, onProgress: onProgress)
  }

  /// Runs a command's work. Prints why it failed and ends with status 1.
  static func run(_ settings: LocalSettings, _ work: (ServiceState) throws -> Void) throws {
    try reportingFailures { try work(try ServiceState(settings)) }
  }

  /// Runs work that needs no configuration. Prints why it failed and ends with status 1.
  static func reportingFailures(_ work: () throws -> Void) throws {
    do {
      try work()
    } catch let error as StorageError {
      Diagnostic.print("\(error)")
      throw ExitCode.failure
    } catch let error as DatabaseOwner.Refusal {
      Diagnostic.print("\(error.description.visible)")
      throw ExitCode.failure
    } catch let error as UnreadableFile {
      Diagnostic.print("\(error.description.visible)")
      throw ExitCode.failure
    } catch let fault as AuditFault {
      Diagnostic.print("The audit log is not what was written: \(fault.description.visible).")
      throw ExitCode.failure
    } catch let fault as AuditExportFault {
      Diagnostic.print("\(fault)")
      throw ExitCode.failure
    } catch let error as OutputFile.Failure {
      Diagnostic.print("\(error)")
      throw ExitCode.failure
    }
  }
}
