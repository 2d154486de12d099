public import ArgumentParser
public import Runners
import Storage
import TokenService

/// `export-audit-log`: what happened, for other programs.
struct ExportAuditLogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export-audit-log",
    abstract: "Write the records of the audit log, newest first.",
    discussion: """
      A date is 2026-01-31, which is its midnight in UTC, or a time of RFC 3339. In CSV a ' stands before a cell that a \
      spreadsheet would take for a formula. The file of --output is for its owner only, and is there only once it is whole. \
      That the log was exported, by whom and with which options, is itself a record.

      Example:
        runner-token-service export-audit-log --env-file service.env \\
          --since 2026-01-01 --event-type provision --format csv \\
          --output provisions.csv
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: ArgumentHelp("Only records of this type.", valueName: "type"))
  var eventType: AuditEvent.Kind?

  @Option(help: ArgumentHelp("Only what this identity did.", valueName: "identity"))
  var user: String?

  @Option(help: ArgumentHelp("No more than so many, the newest.", valueName: "count"))
  var limit: Int?

  @OptionGroup var export: ExportOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit has to be 1 or more.") }
  }

  func run() throws {
    try ServiceState.run(try configuration.localSettings()) { state in
      let file = try export.destination.file()
      // Before anything is written: what cannot be recorded does not go out.
      let head = try state.recordExport(event)
      let rows = try write(state, before: head.id, to: file)
      try file.finish()
      if export.destination.output != nil {
        Diagnostic.print("Exported \(rows) records. Head of the log: \(head.hash)")
      }
    }
  }

  private func write(_ state: ServiceState, before id: Int64, to file: OutputFile) throws -> Int {
    let progress = Progress("Exporting")
    var rows = 0
    var array = export.format == .json ? try JSONArrayWriter(file) : nil
    if export.format == .csv { try file.write(CSV.line(AuditRecord.columns)) }
    let filter = AuditLogFilter(
      kind: eventType, userIdentity: user, since: export.since, until: export.until)
    let first = try state.database.forEachAuditRecord(matching: filter, before: id, limit: limit) {
      record in
      switch export.format {
      case .json: try array?.write(json: record.json())
      case .jsonl: try file.write(record.json() + "\n")
      case .csv: try file.write(CSV.line(record.cells))
      }
      rows += 1
      progress.show(rows)
    }
    try array?.finish()
    if let first {
      progress.clear()
      Diagnostic.print(
        "Records from before \(first) have been archived, and are not in this export.")
    }
    return rows
  }

  private var event: AuditEvent {
    var data: [String: AuditEvent.Value] = ["format": .text(export.format.rawValue)]
    data["since"] = export.since.map { .text($0.description) }
    data["until"] = export.until.map { .text($0.description) }
    data["only_event_type"] = eventType.map { .text($0.rawValue) }
    data["only_user_identity"] = user.map { .text($0) }
    data["limit"] = limit.map { .number(Int64($0)) }
    data["output"] = export.destination.output.map { .text($0) }
    return AuditEvent(.export, actor: ServiceState.actor, data: data)
  }
}

extension AuditEvent.Kind: ExpressibleByArgument {}

extension AuditRecord {
  /// Named as the members of the JSON forms.
  fileprivate static let columns =
    ["id"] + Column.allCases.map(\.rawValue) + ["prev_hash", "hash"]

  /// In the order of the columns.
  fileprivate var cells: [String] {
    [String(id)] + Column.allCases.map { self[$0] ?? "" } + [previousHash, hash]
  }
}
