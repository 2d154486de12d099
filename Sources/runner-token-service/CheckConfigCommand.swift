import ArgumentParser
import TokenService

/// `check-config`: what is wrong with the configuration, all at once.
struct CheckConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config",
    abstract: "Check the configuration without starting anything.",
    discussion: """
      Ends with status 0 if it can be used and 78 if not, with a line for each fault.

      Example:
        runner-token-service check-config --env-file service.env
      """)

  @OptionGroup var configuration: ConfigurationOptions

  func run() throws {
    let settings = try configuration.settings()
    for warning in settings.warnings { Diagnostic.print("Warning: \(warning)") }
    print("The configuration is complete.")
  }
}
