import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `verify-audit-log`: whether the audit log is what was written.
struct VerifyAuditLogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify-audit-log",
    abstract: "Verify that no record of the audit log was changed.",
    discussion: """
      Follows the chain of hashes through the table and names the first row that was edited, removed, swapped or cut off. \
      Somebody who can write the database can also compute all hashes anew: --head finds that, with a hash that was noted \
      earlier elsewhere (the journal has one every hour), and so does --mirror, with copies of audit.jsonl and of the files it \
      was rotated to: together they must have each record once, up to the last. Also says if the \
      triggers that keep the log as it is, or its tables, are not what this program made.

      Workers may go on writing meanwhile. Ends with status 1 if anything is wrong.

      Example:
        runner-token-service verify-audit-log --env-file service.env \\
          --mirror /var/log/runner-token-service/audit.jsonl
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(
    help: ArgumentHelp(
      "Verify this copy or backup of the database, which is not changed; no configuration is needed.",
      valueName: "path"))
  var database: String?

  @Option(
    help: ArgumentHelp(
      "A hash that was noted earlier: nothing up to it may have changed.", valueName: "hash"))
  var head: String?

  @Option(
    help: ArgumentHelp(
      "Also compare this file of the audit log with the table. May be repeated.", valueName: "path")
  )
  var mirror: [String] = []

  @Option(
    help: ArgumentHelp(
      "Verify this archive instead, and that the table continues from it.", valueName: "path"))
  var archive: String?

  /// How long a record may be without its line. In seconds.
  private static let lineDelay = 5

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  func validate() throws {
    if let head, head.wholeMatch(of: /[0-9a-f]{64}/) == nil {
      throw ValidationError("--head needs a hash of 64 lower-case hex digits.")
    }
    if archive != nil, !mirror.isEmpty {
      throw ValidationError("--mirror does not go with --archive.")
    }
  }

  private struct Outcome: Encodable {
    let verified: Bool
    var fault: String?
    var schema_changes: [String]?
    var rows: Int?
    var first_id: Int64?
    var last_id: Int64?
    var head: String?
    var mirrored: Int?
    var mirror_missing: Int64?
    var mirror_first_missing: Int64?
    var mirror_faults: [String]?
    var mirror_first_id: Int64?
    var mirror_last_id: Int64?
    var archived_through: Int64?
    var archive_sha256: [String]?
  }

  func run() throws {
    if let database {
      try ServiceState.reportingFailures { try verify(try DatabaseCopy(path: database)) }
    } else {
      try ServiceState.run(try configuration.localSettings()) { try verify($0.database) }
    }
  }

  private func verify(_ database: any ReadableDatabase) throws {
    // Before the rows: a fault of theirs ends the command.
    let changes =
      archive == nil ? try database.auditSchemaChanges().map { $0.description.visible } : []
    if !json {
      for change in changes {
        Diagnostic.print("The audit log is not protected as it was: \(change).")
      }
    }
    var faults: [AuditMirrorFault] = []
    do {
      let log = try verified(database)
      // Before the files are read: what comes meanwhile may be in them or not.
      let due =
        mirror.isEmpty
        ? 0 : try database.read { try $0.auditLog.lastID(olderThanSeconds: Self.lineDelay) }
      let mirrors = try mirror.map { try compare($0, database) }
      let all = mirrors.reduce(into: VerifiedMirror()) { $0.add($1) }
      faults = mirror.isEmpty ? [] : all.faults(due: due)
      let anchors = archive == nil ? try database.read { try $0.auditLog.anchors() } : []
      try report(log, mirrors, all, faults, anchors, changes)
    } catch let fault as AuditFault {
      guard json else { throw fault }
      print(
        try JSONLine.text(
          Outcome(
            verified: false, fault: fault.description,
            schema_changes: changes.isEmpty ? nil : changes)))
      throw ExitCode.failure
    }
    guard changes.isEmpty, faults.isEmpty else { throw ExitCode.failure }
  }

  private func verified(_ database: any ReadableDatabase) throws -> VerifiedAuditLog {
    let progress = Progress("Verifying")
    guard let archive else {
      return try database.verifyAuditLog(head: head) { progress.show($0, of: $1) }
    }
    return try AuditArchive.verify(path: archive, against: database, head: head) {
      progress.show($0)
    }
  }

  private func compare(_ path: String, _ database: any ReadableDatabase) throws -> VerifiedMirror {
    let progress = Progress("Comparing")
    return try database.verifyMirror(path: path) { progress.show($0) }
  }

  private func report(
    _ log: VerifiedAuditLog, _ mirrors: [VerifiedMirror], _ all: VerifiedMirror,
    _ faults: [AuditMirrorFault], _ anchors: [AuditAnchor], _ changes: [String]
  ) throws {
    if json {
      print(
        try JSONLine.text(
          Outcome(
            verified: changes.isEmpty && faults.isEmpty,
            schema_changes: changes.isEmpty ? nil : changes,
            rows: log.rows, first_id: log.firstID, last_id: log.head.id,
            head: log.head.hash, mirrored: mirror.isEmpty ? nil : all.lines,
            mirror_missing: mirror.isEmpty ? nil : all.missing?.count ?? 0,
            mirror_first_missing: all.missing?.first,
            mirror_faults: faults.isEmpty ? nil : faults.map(\.description),
            mirror_first_id: all.span?.lowerBound, mirror_last_id: all.span?.upperBound,
            archived_through: anchors.last?.lastID,
            archive_sha256: anchors.isEmpty ? nil : anchors.map(\.archiveSHA256))))
      return
    }
    let name = archive == nil ? "The audit log" : "The archive"
    print(
      "\(name) is whole: \(log.rows) rows"
        + (log.rows == 0 ? "." : ", \(log.firstID) to \(log.head.id)."))
    for anchor in anchors {
      print(
        "Rows \(anchor.firstID) to \(anchor.lastID) are archived in the file with SHA-256 \(anchor.archiveSHA256): verify it too, with --archive."
      )
    }
    for (path, mirror) in zip(mirror, mirrors) {
      print("\(path.visible): \(mirror.lines) lines are as in the table.")
    }
    if let first = all.span?.lowerBound, first > log.firstID {
      print(
        "The first line is of record \(first): for those from \(log.firstID) on, give the files too to which it was rotated."
      )
    }
    for fault in faults {
      Diagnostic.print("The files given with --mirror are not whole: \(fault).")
    }
    if !faults.isEmpty {
      Diagnostic.print(
        "Give every file to which it was rotated, uncompressed, once. What a crash kept from the file, maintenance adds within a minute."
      )
    }
    if head != nil { print("Nothing up to the head given has changed.") }
    print("Head: \(log.head.hash)")
  }
}
