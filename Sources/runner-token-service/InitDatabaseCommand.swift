import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `init-db`: the database, made or brought up to date.
struct InitDatabaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init-db",
    abstract: "Make the database, or bring it to the schema of this version.",
    discussion: """
      Safe to run more than once. To upgrade a database stop the workers and the maintenance process first, and make a \
      backup, which --backup-directory does: there is no way back to an earlier schema. What still runs of another version \
      writes nothing afterwards.

      Ends with status 0, 1 if it failed, 78 if the configuration cannot be used; with --check, 2 if there is something to \
      do.

      Examples:
        runner-token-service init-db --env-file service.env
        runner-token-service init-db --env-file service.env \\
          --backup-directory /var/backups/runner-token-service
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Flag(help: "Change nothing, and say what there is to do.")
  var check = false

  @Option(
    help: ArgumentHelp(
      "Where to copy the database first, if it has to be changed: a file named by the time.",
      valueName: "path"))
  var backupDirectory: String?

  func validate() throws {
    if backupDirectory?.isEmpty == true {
      throw ValidationError("--backup-directory needs a path.")
    }
  }

  /// There is something to do.
  private static let isBehind = ExitCode(2)

  func run() throws {
    let settings = try configuration.localSettings()
    let path = settings.databasePath
    try ServiceState.reportingFailures {
      try Self.checkDirectory(of: path)
      try DatabaseOwner.become(ofDatabaseAt: path)
      let missing = try Database.missingMigrations(ofDatabaseAt: path)
      if check {
        print("\(path) \(missing.isEmpty ? "is up to date" : "lacks \(Self.list(missing))").")
        if !missing.isEmpty { throw Self.isBehind }
        return
      }
      let backup = try missing.isEmpty ? nil : backUp(settings)
      let applied = try Database.migrate(path: path, now: Timestamp(Date()))
      print(
        applied.isEmpty ? "\(path) is up to date." : "\(path): applied \(Self.list(applied)).")
      if let backup { try record(backup, settings) }
    }
  }

  private static func list(_ migrations: [String]) -> String {
    migrations.joined(separator: ", ")
  }

  // MARK: - Backup

  /// Copies the database as it is, where there is one and that was asked for. Returns the copy's path.
  private func backUp(_ settings: LocalSettings) throws -> String? {
    let database = settings.databasePath
    guard let backupDirectory, FileManager.default.fileExists(atPath: database) else { return nil }
    // That it was copied cannot be recorded before it has the schema for it, but must not fail then.
    try AuditFile(path: settings.auditLogPath).checkWritable()
    let path = BackupDirectory(path: backupDirectory, databasePath: database)
      .file(at: Timestamp(Date()))
    let file = try OutputFile(path, replacing: false)
    try file.fill { try Database.backUp(databaseAt: database, to: $0) }
    try file.finish()
    print("Wrote \(path).")
    return path
  }

  private func record(_ backup: String, _ settings: LocalSettings) throws {
    try ServiceState(settings).change { _, record in try record(.backup(at: backup)) }
  }

  // MARK: - Directory

  private static func checkDirectory(of path: String) throws {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileManager.default.fileExists(atPath: directory) else {
      throw StorageError.databaseUnavailable(
        "\(directory) does not exist; make it for the workers' user, with mode 700, such as by `install -d -m 700 -o runner-token-service \(directory)`"
      )
    }
  }
}
