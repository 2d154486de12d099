import ArgumentParser
import HTTPClient
import TokenService

/// `check-config`: what is wrong with the configuration, all at once.
struct CheckConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config",
    abstract: "Check the configuration without starting anything.",
    discussion: """
      Ends with status 0 if it can be used and 78 if not, with a line for each fault.

      With --online it also asks GitHub and the identity providers whether they accept it: a line \
      for each check, and status 1 if one failed.

      Example:
        runner-token-service check-config --env-file service.env --online
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Flag(help: "Also ask GitHub and the identity providers. Changes nothing there.")
  var online = false

  func run() throws {
    let settings = try configuration.settings()
    for warning in settings.warnings { Diagnostic.print("Warning: \(warning)") }
    print("The configuration is complete.")
    guard online else { return }
    guard OnlineChecks(settings: settings, http: .curl()).runPrinting() else {
      throw ExitCode.failure
    }
  }
}

extension OnlineChecks {
  /// Runs all checks and prints a line for each. Returns whether all were passed.
  func runPrinting() -> Bool {
    let width = width
    var isPassed = true
    run { check, outcome in
      print(Self.line(check, outcome, width: width))
      if case .failed = outcome { isPassed = false }
    }
    return isPassed
  }

  private static func line(_ check: String, _ outcome: Outcome, width: Int) -> String {
    let name = check + String(repeating: " ", count: max(0, width - check.count))
    return switch outcome {
    case .ok(let text): "\(name)  \(Terminal.good("ok"))      \(text.visible)"
    case .failed(let text): "\(name)  \(Terminal.bad("FAILED"))  \(text.visible)"
    }
  }
}
