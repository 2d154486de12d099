import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `list-approvals`: requests that wait for an admin, and what became of others.
struct ListApprovalsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list-approvals",
    abstract: "List requests that an administrator has to approve, newest first.",
    discussion: """
      A table for people, which cuts long cells off; with --json all of it, in one array.

      Ends with status 0, 1 if the database cannot be read, 64 for a status that there is not, 78 if the \
      configuration cannot be used.

      Example:
        runner-token-service list-approvals --status pending --env-file service.env
      """)

  @OptionGroup var configuration: ConfigurationOptions

  private static let statuses = ApprovalStatus.allCases.map(\.rawValue).joined(separator: ", ")

  @Option(
    help: ArgumentHelp("Only those that stand so now: \(statuses)."),
    transform: { text in
      guard let status = ApprovalStatus(rawValue: text) else {
        throw ValidationError("There is no such status; there are: \(statuses).")
      }
      return status
    })
  var status: ApprovalStatus?

  @Flag(help: "Print JSON, with the members of the API's answers.")
  var json = false

  func run() throws {
    let settings = try configuration.organizationSettings()
    try ServiceState.run(settings.local) { state in
      let output = try OutputFile(nil, replacing: false)
      let organization = settings.organization
      if json {
        var array = try JSONArrayWriter(output)
        try forEachPage(of: state, organization) { page, now in
          for approval in page {
            try array.write(ApprovalRepresentation.forAdmin(approval, at: now))
          }
        }
        try array.finish()
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
      ["ID", "STATUS", "EXPIRES", "WHO", "RUNNER", "LABELS", "KIND"], maximumWidth: 48, to: output
    ) { pass in
      try forEachPage(of: state, organization) { page, now in
        for approval in page { try pass(cells(approval, at: now)) }
      }
    }
    if count == 0 { try output.write("There are no such approvals.\n") }
  }

  private func cells(_ approval: Approval, at now: Timestamp) -> [String] {
    [
      approval.id, approval.status(at: now).rawValue, approval.expiresAt.description,
      approval.owner.identity, approval.runnerName,
      approval.requested.labels.map(\.description).joined(separator: ","),
      approval.requested.kind.rawValue,
    ]
  }

  /// Page by page, so that neither memory nor the time that the database is held grows with the list.
  private func forEachPage(
    of state: ServiceState, _ organization: String,
    _ body: ([Approval], _ now: Timestamp) throws -> Void
  ) throws {
    var offset = 0
    while true {
      let page = try state.database.read {
        try $0.approvals.page(
          organization: organization, status: status, limit: 500, offset: offset
        ).approvals
      }
      if page.isEmpty { return }
      try body(page, Timestamp(Date()))
      offset += page.count
    }
  }
}

/// `approve`: lets a request through.
struct ApproveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Approve a request that waits for an administrator.",
    discussion: """
      The caller may then send the same request once more with the approval's id. Recorded in the audit log as a deed \
      of cli:<your user name>.

      Ends with status 0, 1 if there is no such approval, it has been decided or has expired, or nothing can be \
      stored, 64 for a reason that cannot be kept, 78 if the configuration cannot be used.

      Example:
        runner-token-service approve 6d0f9f0e-3b5c-4b1e-9a55-0c8f2a4d7e11 --reason ok
      """)

  @OptionGroup var configuration: ConfigurationOptions
  @Argument(help: "The approval's id, as list-approvals shows it.")
  var id: String
  @Option(help: "Why; the caller can read it.")
  var reason: String?

  func run() throws { try configuration.decide(.approve, id, reason) }
}

/// `deny`: turns a request down.
struct DenyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deny",
    abstract: "Deny a request that waits for an administrator, or take an approval back.",
    discussion: """
      One that was approved can be denied until it is used. Recorded in the audit log as a deed of \
      cli:<your user name>.

      Ends with status 0, 1 if there is no such approval, it has been decided or has expired, or nothing can be \
      stored, 64 for a reason that cannot be kept, 78 if the configuration cannot be used.

      Example:
        runner-token-service deny 6d0f9f0e-3b5c-4b1e-9a55-0c8f2a4d7e11 --reason full
      """)

  @OptionGroup var configuration: ConfigurationOptions
  @Argument(help: "The approval's id, as list-approvals shows it.")
  var id: String
  @Option(help: "Why; the caller can read it.")
  var reason: String

  func run() throws { try configuration.decide(.deny, id, reason) }
}

extension ConfigurationOptions {
  fileprivate func decide(_ decision: ApprovalDecision, _ id: String, _ reason: String?) throws {
    guard reason.map(Approval.isReason) ?? true else {
      Diagnostic.print("The reason must have 1 to \(Approval.maximumReasonLength) characters.")
      throw ExitCode.usage
    }
    let settings = try organizationSettings()
    try ServiceState.run(settings.local) { state in
      let outcome = try state.change { transaction, record in
        try transaction.decide(
          decision, on: id, organization: settings.organization, reason: reason,
          by: ServiceState.actor, principal: nil, record)
      }
      switch outcome {
      case .success(let approval):
        print("\(approval.id) is \(decision.status.rawValue).")
      case .failure(.approvalNotFound):
        Diagnostic.print("There is no approval \(id.visible).")
        throw ExitCode.failure
      case .failure:
        Diagnostic.print("The approval \(id) has been decided or used, or has expired.")
        throw ExitCode.failure
      }
    }
  }
}
