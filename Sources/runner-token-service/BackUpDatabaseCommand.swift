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
      whole. Never copy the database's files by other means while the service runs. To restore, stop the service, put the \
      copy in the database's place, and remove the files ending in -wal and -shm beside it.

      Ends with status 0, 1 if it could not be made or the file exists, 78 if the configuration cannot be used.

      Example:
        runner-token-service backup-db --env-file service.env \\
          --output /var/backups/runners-2026-01-31.db
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: ArgumentHelp("The file to write.", valueName: "path"))
  var output: String

  @Flag(help: "Replace the file if it exists.")
  var force = false

  func validate() throws {
    if output.isEmpty { throw ValidationError("--output needs a path.") }
  }

  func run() throws {
    try ServiceState.run(try configuration.settings()) { state in
      let file = try OutputFile(output, replacing: force)
      // In the copy too, so that it says of itself what it is.
      try state.change { _, record in
        try record(
          AuditEvent(
            .export, actor: ServiceState.actor,
            data: ["what": .text("database"), "output": .text(output)]))
      }
      try file.fill { try state.database.backUp(to: $0) }
      try file.finish()
      let size = try FileManager.default.attributesOfItem(atPath: output)[.size] as? Int64
      print("Wrote \(output), \(size ?? 0) bytes.")
    }
  }
}
