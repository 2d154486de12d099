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

  @Flag(help: "Write a JSON object a line, for scripts.")
  var json = false

  func run() throws {
    let settings = try configuration.settings()
    try reportingFailure {
      let database = try Database(path: settings.databasePath) { Timestamp(Date()) }
      if !json {
        print("ID                                    STATUS    EXPIRES                   WHO, WHAT")
      }
      // Page by page, so that neither memory nor the time that the database is held grows with the list.
      var offset = 0
      while true {
        let page = try database.read {
          try $0.approvals.page(
            organization: settings.github.organization, status: status, limit: 500, offset: offset
          ).approvals
        }
        for approval in page { print(try line(approval, at: Timestamp(Date()))) }
        if page.isEmpty { return }
        offset += page.count
      }
    }
  }

  private func line(_ approval: Approval, at now: Timestamp) throws -> String {
    if json { return try JSONLine.text(ApprovalRepresentation.forAdmin(approval, at: now)) }
    let status = approval.status(at: now).rawValue.padding(
      toLength: 8, withPad: " ", startingAt: 0)
    let labels = approval.requested.labels.map(\.description).joined(separator: ",")
    let what = [
      approval.owner.identity, approval.runnerName, labels, approval.requested.kind.rawValue,
    ]
    return "\(approval.id)  \(status)  \(approval.expiresAt)  "
      + what.joined(separator: "  ").visible
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
    abstract: "Deny a request that waits for an administrator.",
    discussion: """
      Recorded in the audit log as a deed of cli:<your user name>.

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
    let settings = try settings()
    try reportingFailure {
      let outcome = try ServiceState(settings).change { transaction, record in
        try transaction.decide(
          decision, on: id, organization: settings.github.organization, reason: reason,
          by: ServiceState.actor, principal: nil, record)
      }
      switch outcome {
      case .success(let approval):
        print("\(approval.id) is \(decision.status.rawValue).")
      case .failure(.approvalNotFound):
        throw Failure("There is no approval \(id.visible).")
      case .failure:
        throw Failure("The approval \(id) has been decided or has expired.")
      }
    }
  }
}

/// Why the command came to nothing, for whoever started it.
private struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Prints what `body` throws and ends with status 1.
private func reportingFailure(_ body: () throws -> Void) throws {
  do { try body() } catch {
    Diagnostic.print("\(error)")
    throw ExitCode.failure
  }
}
