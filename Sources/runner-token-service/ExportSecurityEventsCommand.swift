public import ArgumentParser
public import Runners
import Storage
import TokenService

/// `export-security-events`: what admins should look at, for other programs.
struct ExportSecurityEventsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export-security-events",
    abstract: "Write the security events, newest first.",
    discussion: """
      A date is 2026-01-31, which is its midnight in UTC, or a time of RFC 3339. In CSV a ' stands before a cell that a \
      spreadsheet would take for a formula. The file of --output is for its owner only, and is there only once it is whole.

      Example:
        runner-token-service export-security-events --env-file service.env \\
          --severity high --since 2026-01-01 --format csv --output events.csv
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: "Only events of this severity.")
  var severity: SecurityEvent.Severity?

  @OptionGroup var export: ExportOptions

  func run() throws {
    try ServiceState.run(try configuration.localSettings()) { state in
      let file = try export.destination.file()
      switch export.format {
      case .json:
        var array = try JSONArrayWriter(file)
        try forEach(in: state) { try array.write(SecurityEventRepresentation($0)) }
        try array.finish()
      case .jsonl:
        try forEach(in: state) {
          try file.write(JSONLine.text(SecurityEventRepresentation($0)) + "\n")
        }
      case .csv:
        try file.write(CSV.line(SecurityRecord.columns))
        try forEach(in: state) { try file.write(CSV.line(try $0.cells())) }
      }
      try file.finish()
    }
  }

  private func forEach(
    in state: ServiceState, _ body: (SecurityRecord) throws -> Void
  ) throws {
    let filter = SecurityEventFilter(
      severity: severity, since: export.since, until: export.until, limit: 1000)
    var last: Int64?
    while true {
      let page = try state.database.read {
        try $0.securityEvents.events(matching: filter, before: last)
      }
      guard let oldest = page.last else { return }
      for event in page { try body(event) }
      last = oldest.id
    }
  }
}

extension SecurityEvent.Severity: ExpressibleByArgument {}
