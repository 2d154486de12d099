import ArgumentParser
import Foundation
import TokenService

/// The program: each thing that it does is a subcommand.
@main
struct RunnerTokenServiceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runner-token-service",
    abstract: "Lets others register GitHub self-hosted runners without GitHub credentials.",
    discussion: """
      Configured by environment variables, over the file that --env-file names. README.md lists \
      them; `runner-token-service check-config` says what is missing.
      """,
    version: Version.current,
    subcommands: [
      WorkerCommand.self, MaintainCommand.self, SyncCommand.self, CleanupCommand.self,
      InitDatabaseCommand.self, BackUpDatabaseCommand.self, CheckConfigCommand.self,
      CheckTokenCommand.self, StatusCommand.self,
      ListRunnersCommand.self, ListLabelPoliciesCommand.self, SetLabelPolicyCommand.self,
      DeleteLabelPolicyCommand.self, ExportSecurityEventsCommand.self, ReportCommand.self,
      ExportAuditLogCommand.self, VerifyAuditLogCommand.self, ArchiveAuditLogCommand.self,
      ListApprovalsCommand.self, ApproveCommand.self, DenyCommand.self,
    ])
}

extension ExitCode {
  /// sysexits.h: something is wrong with the configuration.
  static let configuration = ExitCode(78)
  /// sysexits.h: the command was given what it cannot use.
  static let usage = ExitCode(64)
}

/// Where the configuration comes from; an option of every command.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file with a variable a line: NAME=value. The environment goes over it.",
      discussion: "Without it, .env in the working directory is read if there is one.",
      valueName: "path"))
  var envFile: String?

  /// The configuration. Prints every fault and ends with status 78 if there is one.
  func settings() throws -> Settings {
    let source = ConfigurationSource(envFile: envFile)
    do {
      var settings = try Settings(reading: try source.reader())
      settings.unknownVariables = Settings.unknownVariables(among: source.names())
      return settings
    } catch {
      Diagnostic.print("The configuration cannot be used:\n\(error)")
      throw ExitCode.configuration
    }
  }
}

/// Messages for whoever started the program.
enum Diagnostic {
  static func print(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
  }
}
