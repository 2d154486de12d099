import ArgumentParser
import Runners
import Storage
import TokenService

/// `delete-label-policy`: from now on the default applies.
struct DeleteLabelPolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete-label-policy",
    abstract: "Delete the label policy of an identity.",
    discussion: """
      DEFAULT_LABEL_POLICY applies to them then. Runners that they have stay. Audited as set-label-policy is.

      Ends with status 1 if there is no such policy.

      Example:
        runner-token-service delete-label-policy --env-file service.env \\
          --user alice@example.com
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: ArgumentHelp("Whose policy to delete.", valueName: "identity"))
  var user: String

  @Flag(help: "Say what would be deleted, and delete nothing.")
  var dryRun = false

  func run() throws {
    try ServiceState.run(try configuration.localSettings()) { state in
      let deleted = try dryRun ? find(in: state) : delete(from: state)
      guard let deleted else {
        Diagnostic.print("\(user.visible) has no label policy.")
        throw ExitCode.failure
      }
      print("Label policy of \(user.visible), revision \(deleted.revision)")
      let rows = deleted.text.properties.map { [$0.name, $0.value] }
      let table = Table(["", "WAS"], for: rows)
      print(table.header)
      for row in rows { print(table.line(row)) }
      print(dryRun ? "Nothing was changed." : "Deleted.")
    }
  }

  private func find(in state: ServiceState) throws -> StoredLabelPolicy? {
    try state.database.read { try $0.labelPolicies.policy(of: user) }
  }

  private func delete(from state: ServiceState) throws -> StoredLabelPolicy? {
    try state.change { transaction, record in
      let deleted = try transaction.labelPolicies.delete(user)
      if let deleted {
        try record(.policyChange(from: deleted, to: nil, ServiceState.actor))
      }
      return deleted
    }
  }
}
