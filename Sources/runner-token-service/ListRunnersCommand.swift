public import ArgumentParser
import Foundation
import Glibc
public import Runners
import Storage
import TokenService

/// `list-runners`: what was provisioned and what became of it.
struct ListRunnersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list-runners",
    abstract: "Show everybody's runners, newest first.",
    discussion: """
      Without --status, those that are not deleted. A table for people, which cuts long cells off; with --json all of it, in \
      one array. What is shown is what the service knows, not a look at GitHub.

      Examples:
        runner-token-service list-runners --env-file service.env \\
          --user alice@example.com
        runner-token-service list-runners --env-file service.env --watch
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: "Only runners in this state.")
  var status: RunnerStatus?

  @Option(help: ArgumentHelp("Only runners of this identity.", valueName: "identity"))
  var user: String?

  @Option(
    help: ArgumentHelp("Only runners with this label."),
    transform: { text in
      guard let label = Label(text) else {
        throw ValidationError("'\(text.visible)' is no label.")
      }
      return label
    })
  var label: Label?

  @Flag(help: "Print JSON, with the members of the API's answers.")
  var json = false

  @Flag(help: "Show the table anew every two seconds, until Ctrl-C.")
  var watch = false

  func validate() throws {
    if json, watch { throw ValidationError("--watch shows a table; leave --json out.") }
  }

  func run() throws {
    let settings = try configuration.organizationSettings()
    let organization = settings.organization
    try ServiceState.run(settings.local) { state in
      let output = try OutputFile(nil, replacing: false)
      if json {
        var array = try JSONArrayWriter(output)
        try forEachPage(of: state, organization) { page in
          for runner in page {
            let text = String(decoding: try RunnerRepresentation(runner).json(), as: UTF8.self)
            try array.write(json: text.escapingInvisibleInJSON())
          }
        }
        try array.finish()
      } else if watch {
        guard Terminal.isTerminal else {
          Diagnostic.print("--watch needs a terminal.")
          throw ExitCode.usage
        }
        while true {
          try output.write(Terminal.clear)
          try printTable(state, organization, output)
          sleep(2)
        }
      } else {
        try printTable(state, organization, output)
      }
      try output.finish()
    }
  }

  private func printTable(
    _ state: ServiceState, _ organization: String, _ output: OutputFile
  ) throws {
    let count = try Table.write(
      ["RUNNER", "STATUS", "BUSY", "OWNER", "LABELS", "KIND", "CREATED"], maximumWidth: 40,
      to: output
    ) { pass in
      try forEachPage(of: state, organization) { page in
        for runner in page { try pass(cells(runner)) }
      }
    }
    try output.write(
      count == 0 ? "There are no such runners.\n" : "\(count) runner\(count == 1 ? "" : "s")\n")
  }

  private func cells(_ runner: Runner) -> [String] {
    [
      runner.name.description, runner.status.rawValue, runner.busy ? "yes" : "-",
      runner.owner.identity, runner.labels.map(\.description).joined(separator: ","),
      runner.provisioning.rawValue + (runner.ephemeral ? "" : ", stays"),
      runner.createdAt.description,
    ]
  }

  /// Page by page, each behind the last runner of the one before.
  private func forEachPage(
    of state: ServiceState, _ organization: String, _ body: ([Runner]) throws -> Void
  ) throws {
    var last: Runner?
    let filter = RunnerFilter(
      status: status, isLive: status == nil, label: label, userIdentity: user, limit: 500)
    while true {
      let page = try state.database.read {
        try $0.runners.runners(organization: organization, matching: filter, after: last)
      }
      guard let lastOfPage = page.last else { return }
      try body(page)
      last = lastOfPage
    }
  }
}

extension RunnerStatus: ExpressibleByArgument {}
