import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `backup-db`: a copy of the database, while it is in use.
struct BackUpDatabaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup-db",
    abstract: "Copy the database while the service runs.",
    discussion: """
      The copy is the database as it stood at one moment, checked, in one file for its owner only, which is there once it is \
      whole. Never copy the database's files by other means while the service runs. restore-db puts a copy back.

      With --directory the file's name has the time in it, and --keep deletes older ones of such names, once the new one is \
      proved. Started by root, the command writes as the database's owner: the directory must be that user's.

      Ends with status 0, 1 if it could not be made or the file exists, 78 if the configuration cannot be used.

      Examples:
        runner-token-service backup-db --env-file service.env \\
          --directory /var/backups/runner-token-service --keep 14
        runner-token-service backup-db --env-file service.env \\
          --output /var/backups/runners-2026-01-31.db
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: ArgumentHelp("The file to write.", valueName: "path"))
  var output: String?

  @Option(help: ArgumentHelp("Where to write a file named by the time.", valueName: "path"))
  var directory: String?

  @Option(
    help: ArgumentHelp(
      "How many files of such names to keep in the directory, the new one among them: 1 or more.",
      valueName: "count"))
  var keep: Int?

  @Flag(help: "Replace the file if it exists.")
  var force = false

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  func validate() throws {
    guard (output == nil) != (directory == nil) else {
      throw ValidationError("Give --output or --directory, one of them.")
    }
    if output?.isEmpty == true { throw ValidationError("--output needs a path.") }
    if directory?.isEmpty == true { throw ValidationError("--directory needs a path.") }
    if let keep, directory == nil || keep < 1 {
      throw ValidationError("--keep needs a whole number from 1 on, and --directory.")
    }
  }

  private struct Outcome: Encodable {
    let path: String
    let bytes: Int64
    let deleted: [String]
  }

  func run() throws {
    let settings = try configuration.localSettings()
    try ServiceState.run(settings) { state in
      let backups = directory.map { BackupDirectory(path: $0, databasePath: settings.databasePath) }
      let path = backups?.file(at: Timestamp(Date())) ?? output ?? ""
      let file = try OutputFile(path, replacing: force)
      // In the copy too, so that it says of itself what it is.
      try state.change { _, record in try record(.backup(at: path)) }
      try file.fill { try state.database.backUp(to: $0) }
      try file.finish()
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64
      var deleted: [String] = []
      if let backups, let keep { deleted = try backups.keep(keep, newest: path) }
      try report(Outcome(path: path, bytes: size ?? 0, deleted: deleted))
    }
  }

  private func report(_ outcome: Outcome) throws {
    if json {
      print(try JSONLine.text(outcome))
      return
    }
    print("Wrote \(outcome.path), \(outcome.bytes) bytes.")
    for path in outcome.deleted { print("Deleted \(path).") }
  }
}

extension AuditEvent {
  /// That the person at the command line copied the database.
  static func backup(at path: String) -> AuditEvent {
    AuditEvent(
      .export, actor: ServiceState.actor,
      data: ["what": .text("database"), "output": .text(path)])
  }
}
