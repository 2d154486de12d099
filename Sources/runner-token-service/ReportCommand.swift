import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `report`: who had what, for a review of accesses.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "Review accesses: who provisioned what, who was refused, what changed, what is still there.",
    discussion: """
      Covers what the audit log has from --since until before --until, and the runners that are there now. A date is \
      2026-01-31, which is its midnight in UTC, or a time of RFC 3339. With --format html, one page with charts that needs no \
      network and can be sent to an auditor.

      Example:
        runner-token-service report --env-file service.env --since 2026-01-01 \\
          --format html --output review.html
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table, json, html
  }

  @OptionGroup var configuration: ConfigurationOptions

  @Option(
    help: ArgumentHelp("The first moment that counts.", valueName: "date"),
    transform: DateArgument.timestamp)
  var since: Timestamp

  @Option(
    help: ArgumentHelp("The first moment that counts no more; now, without it.", valueName: "date"),
    transform: DateArgument.timestamp)
  var until: Timestamp?

  @Option(help: "The form of the report.")
  var format: Format?

  @Flag(help: "The same as --format json.")
  var json = false

  @OptionGroup var destination: DestinationOptions

  func validate() throws {
    if json, format ?? .json != .json { throw ValidationError("--json or --format, not both.") }
    if since > Timestamp(Date()) {
      throw ValidationError("--since is in the future: nothing has happened since \(since).")
    }
    if let until, since >= until { throw ValidationError("--since has to be before --until.") }
  }

  func run() throws {
    let settings = try configuration.organizationSettings()
    let now = Timestamp(Date())
    try ServiceState.run(settings.local) { state in
      let review = try state.database.read {
        try $0.accessReviews.review(
          organization: settings.organization, since: since, until: until ?? now)
      }
      let file = try destination.file()
      switch json ? .json : format ?? .table {
      case .table: try file.write(AccessReviewText(review, at: now).text)
      case .json: try file.write(JSONLine.text(AccessReviewRepresentation(review, at: now)) + "\n")
      case .html: try file.write(AccessReviewPage(review, at: now).html)
      }
      try file.finish()
      if let path = destination.output {
        Diagnostic.print(
          "Wrote the report on \(review.since) to \(review.until) to \(path.visible).")
      }
    }
  }
}
