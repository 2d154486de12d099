import ArgumentParser
import Runners
import Storage
import TokenService

/// `list-label-policies`: who may have what.
struct ListLabelPoliciesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list-label-policies",
    abstract: "Show the label policies.",
    discussion: """
      A table for people, which cuts long cells off; with --json all of it, in one array. Ends with status 1 if --user has no \
      policy.

      Example:
        runner-token-service list-label-policies --env-file service.env \\
          --user alice@example.com
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: ArgumentHelp("Only the policy of this identity.", valueName: "identity"))
  var user: String?

  @Flag(help: "Print JSON, with the members of the API's answers.")
  var json = false

  func run() throws {
    try ServiceState.run(try configuration.localSettings()) { state in
      let output = try OutputFile(nil, replacing: false)
      let count = try json ? printJSON(state, output) : printTable(state, output)
      try output.finish()
      if count == 0, let user {
        Diagnostic.print("\(user.visible) has no label policy.")
        throw ExitCode.failure
      }
    }
  }

  private func printJSON(_ state: ServiceState, _ output: OutputFile) throws -> Int {
    var array = try JSONArrayWriter(output)
    try forEachPage(of: state) { page in
      for policy in page { try array.write(LabelPolicyRepresentation(policy)) }
    }
    try array.finish()
    return array.count
  }

  private func printTable(_ state: ServiceState, _ output: OutputFile) throws -> Int {
    let count = try Table.write(
      ["IDENTITY", "LABELS", "PATTERNS", "MAX", "FLAGS", "REVISION", "UPDATED"], maximumWidth: 48,
      to: output
    ) { pass in
      try forEachPage(of: state) { page in
        for policy in page { try pass(cells(policy)) }
      }
    }
    if count == 0, user == nil { try output.write("There are no label policies.\n") }
    return count
  }

  private func cells(_ stored: StoredLabelPolicy) -> [String] {
    let policy = stored.text
    let properties = policy.properties
    return [
      stored.userIdentity, properties[0].value, properties[1].value,
      policy.maximumRunners.map(String.init) ?? "-", policy.flags, String(stored.revision),
      stored.updatedAt.description,
    ]
  }

  private func forEachPage(
    of state: ServiceState, _ body: ([StoredLabelPolicy]) throws -> Void
  ) throws {
    if let user {
      return try body(
        try state.database.read { try $0.labelPolicies.policy(of: user) }.map { [$0] } ?? [])
    }
    var last: String?
    while true {
      let page = try state.database.read {
        try $0.labelPolicies.policies(after: last, limit: 500)
      }
      guard let lastOfPage = page.last else { return }
      try body(page)
      last = lastOfPage.userIdentity
    }
  }
}
