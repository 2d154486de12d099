import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `archive-audit-log`: the oldest part of the audit log, moved to a file.
struct ArchiveAuditLogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive-audit-log",
    abstract: "Move the oldest records of the audit log to a file.",
    discussion: """
      Verifies the records as it writes them, and removes them from the database only once the file is whole and safe on \
      disk. The log continues from what was archived: `verify-audit-log --archive` shows that it does. The file is for its \
      owner only; keep it, there is no other copy.

      Moves the records before the first one of the date or later; a date is 2026-01-31, which is its midnight in UTC, or a \
      time of RFC 3339. Audited. If it is interrupted, nothing is lost: run it again for the rest, with another file.

      Example:
        runner-token-service archive-audit-log --env-file service.env \\
          --before 2026-01-01 --output /var/backups/audit-2025.jsonl
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(
    help: ArgumentHelp("Move the records from before this time.", valueName: "date"),
    transform: DateArgument.timestamp)
  var before: Timestamp

  @Option(help: ArgumentHelp("The file to write, which must not exist.", valueName: "path"))
  var output: String

  @Flag(help: "Say what would be moved, and move nothing.")
  var dryRun = false

  func validate() throws {
    if output.isEmpty { throw ValidationError("--output needs a path.") }
  }

  func run() throws {
    try ServiceState.run(try configuration.localSettings()) { state in
      let file = dryRun ? nil : try OutputFile(output, replacing: false)
      let writing = Progress(dryRun ? "Reading" : "Writing")
      let archive = try AuditArchive(of: state.database, before: before) {
        writing.show($0)
      } write: {
        try file?.write($0)
      }
      writing.clear()
      guard let archive else {
        print("There are no records from before \(before).")
        return
      }
      let (rows, first, head) = (
        archive.content.rows, archive.content.firstID, archive.content.head
      )
      guard let file else {
        print("\(rows) rows, \(first) to \(head.id), would be moved. Nothing was changed.")
        return
      }
      // While nothing has happened yet: whatever is wrong with the audit log's file ends the run without an archive.
      try state.bringAuditFileUpToDate()
      try file.finish()
      let removing = Progress("Removing")
      do {
        try state.remove(archive) { removing.show($0, of: rows) }
      } catch {
        removing.clear()
        Diagnostic.print(
          "\(output.visible) is whole: keep it. Rows that are in it may still be in the database, because removing them failed; run the command again with another --output."
        )
        throw error
      }
      removing.clear()
      print("Moved \(rows) rows, \(first) to \(head.id), to \(output.visible).")
      print("SHA-256 of the file: \(archive.sha256)")
      print("Head of the archive: \(head.hash)")
    }
  }
}
