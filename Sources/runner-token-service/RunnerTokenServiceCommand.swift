import ArgumentParser
import Foundation
import Glibc
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
      SetupCommand.self, InitDatabaseCommand.self, BackUpDatabaseCommand.self,
      RestoreDatabaseCommand.self, CheckConfigCommand.self,
      CheckTokenCommand.self, StatusCommand.self,
      ListRunnersCommand.self, ListLabelPoliciesCommand.self, SetLabelPolicyCommand.self,
      DeleteLabelPolicyCommand.self, ExportSecurityEventsCommand.self, ReportCommand.self,
      ExportAuditLogCommand.self, VerifyAuditLogCommand.self, ArchiveAuditLogCommand.self,
      ListApprovalsCommand.self, ApproveCommand.self, DenyCommand.self,
    ])

  static func main() {
    StandardOutput.expectToBeWritten()
    main(nil)
  }
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
      discussion:
        "Without it, .env in the working directory is read if there is one, else /etc/runner-token-service/service.env.",
      valueName: "path"))
  var envFile: String?

  /// The configuration. Prints every fault and ends with status 78 if there is one.
  func settings() throws -> Settings {
    try read { content in
      var settings = try Settings(reading: content.reader)
      settings.unknownVariables = Settings.unknownVariables(among: content.names)
      return settings
    }
  }

  /// The part of it for a command that stays on this host, whatever else may be wrong with it.
  func localSettings() throws -> LocalSettings {
    try read { try LocalSettings(reading: $0.reader) }
  }

  /// The same for a command that shows what belongs to the organization.
  func organizationSettings() throws -> OrganizationSettings {
    try read { try OrganizationSettings(reading: $0.reader) }
  }

  private func read<Result>(_ body: (ConfigurationSource.Content) throws -> Result) throws -> Result
  {
    do { return try body(try ConfigurationSource(envFile: envFile).content()) } catch {
      Diagnostic.print("The configuration cannot be used:\n\(error)")
      if let advice { Diagnostic.print(advice) }
      throw ExitCode.configuration
    }
  }

  /// What to do about a configuration of which nothing was read.
  private var advice: String? {
    let path = envFile ?? ConfigurationSource.installedFile
    if access(path, R_OK) == 0 || envFile == nil && access(".env", F_OK) == 0 { return nil }
    switch errno {
    case EACCES where geteuid() != 0:
      return "Whoever may not read \(path) runs this command with sudo."
    case ENOENT where envFile == nil, ENOTDIR where envFile == nil:
      return
        "There is neither .env in this directory nor \(path); `sudo runner-token-service setup` writes the latter."
    default: return nil
    }
  }
}

/// Messages for whoever started the program.
enum Diagnostic {
  static func print(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
  }
}
