import ArgumentParser
import Configuration
import Foundation
import GitHub
import HTTPClient
import TokenService

/// `setup`: the configuration, asked for, proved and written.
struct SetupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "setup",
    abstract: "Write the configuration, once GitHub and the identity provider accept it.",
    discussion: """
      Asks for what no option gives; an existing file's values are suggested, and whatever else it sets stays. Finds the \
      App's installation by itself. Writes nothing unless every check of check-config --online is passed.

      Without a terminal, or with --non-interactive, nothing is asked: what is missing is listed. A file that exists and \
      would change is replaced only with --force; one that would not change is left alone.

      Ends with status 0, 1 if a check failed or nothing was to be replaced, 64 if something is missing, 78 if a value \
      cannot be used.

      Examples:
        runner-token-service setup
        runner-token-service setup --non-interactive \\
          --organization octo-org --app-id 12345 \\
          --key /etc/runner-token-service/github-app.pem \\
          --issuer https://id.example.com --audience runner-token-service \\
          --admin alice@example.com
      """)

  @Option(help: ArgumentHelp("The login of the GitHub organization.", valueName: "login"))
  var organization: String?

  @Option(help: ArgumentHelp("The App's id or client id.", valueName: "id"))
  var appId: String?

  @Option(help: ArgumentHelp("The file with the App's private key.", valueName: "path"))
  var key: String?

  @Option(help: ArgumentHelp("The issuer of callers' OIDC tokens.", valueName: "url"))
  var issuer: String?

  @Option(help: ArgumentHelp("What their aud claim must contain.", valueName: "text"))
  var audience: String?

  @Option(help: ArgumentHelp("An admin's identity. May be repeated.", valueName: "identity"))
  var admin: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file with the webhook's secret: never give that on a command line.", valueName: "path"))
  var webhookSecretFile: String?

  @Option(
    help: ArgumentHelp(
      "Where GitHub's API is; for Enterprise Server https://HOST/api/v3.", valueName: "url"))
  var apiURL: String?

  @Option(help: ArgumentHelp("The file to write.", valueName: "path"))
  var file = ConfigurationSource.installedFile

  @Flag(help: "Ask nothing, and list what is missing.")
  var nonInteractive = false

  @Flag(help: "Replace a file that exists without asking.")
  var force = false

  func run() throws {
    do {
      let file = try ConfigurationFile(path: file)
      var content = file.existing ?? EnvironmentFile()
      try answer(&content)
      let settings = try prove(&content)
      guard OnlineChecks(settings: settings, http: .curl()).runPrinting() else {
        try end("Nothing was written: a check failed.", .failure)
      }
      for warning in settings.warnings { Diagnostic.print("Warning: \(warning)") }
      try write(content, to: file)
      if self.file == ConfigurationSource.installedFile,
        let warning = InstalledKey().warning(provedKeys: settings.github.privateKeyPaths)
      {
        Diagnostic.print("Warning: \(warning)")
      }
    } catch let error as ConfigurationFile.Failure {
      try end(error.description, .failure)
    } catch let error as ConfigurationSource.Unreadable {
      try end(error.description, .configuration)
    } catch let error as SettingsError {
      try end("The configuration cannot be used:\n\(error)", .configuration)
    }
  }

  private func end(_ message: String, _ code: ExitCode) throws -> Never {
    Diagnostic.print(message)
    throw code
  }

  private var isInteractive: Bool { !nonInteractive && Prompt.isPossible }

  // MARK: - Answers

  /// Options first, then what the file has, then whoever sits at the terminal.
  private func answer(_ content: inout EnvironmentFile) throws {
    if let apiURL { try checkOneLine(apiURL, of: "--api-url") }
    var missing: [String] = []
    for (question, option) in try questions(for: content) {
      let known = content.variables[question.variable].flatMap { $0.isEmpty ? nil : $0 }
      var value = option
      if value == nil, isInteractive {
        value = try ask(question, known: known, for: content)
      }
      if let value {
        try checkOneLine(value, of: question.option)
        // Nothing is better left out than set to nothing.
        if !value.isEmpty || known != nil { content.set(question.variable, to: value) }
      } else if known == nil, question.isRequired {
        missing.append("\(question.option): \(question.text)")
      }
    }
    guard missing.isEmpty else {
      try end("Missing, and nobody to ask:\n" + missing.joined(separator: "\n"), .usage)
    }
    if let apiURL { content.set("GITHUB_API_URL", to: apiURL) }
  }

  /// Asks until the answer is one that the service can use.
  private func ask(
    _ question: SetupQuestion, known: String?, for content: EnvironmentFile
  ) throws -> String {
    while true {
      guard let answer = Prompt.ask(question, known: known) else {
        try end("Nothing was written: the input ended.", .failure)
      }
      var draft = content
      draft.set(question.variable, to: answer)
      guard let fault = Self.fault(of: question, in: draft) else { return answer }
      Diagnostic.print("\(question.variable): \(fault.visible)")
    }
  }

  /// What the service would say about this answer; what else is missing or wrong has its own question.
  private static func fault(of question: SetupQuestion, in draft: EnvironmentFile) -> String? {
    do throws(SettingsError) {
      _ = try settings(draft)
      return nil
    } catch {
      return error.faults.first { $0.variable == question.variable }?.message
    }
  }

  /// A second line would be a variable of its own in the file.
  private func checkOneLine(_ value: String, of option: String) throws {
    guard !value.contains(where: \.isNewline) else {
      try end("\(option): must be one line", .usage)
    }
  }

  private func questions(
    for content: EnvironmentFile
  ) throws -> [(SetupQuestion, option: String?)] {
    var questions: [(SetupQuestion, option: String?)] = [
      (.organization, organization), (.appID, appId), (.key, key),
    ]
    // A file of providers takes the place of these two.
    if content.variables["OIDC_PROVIDERS_FILE"] == nil {
      questions += [(.issuer, issuer), (.audience, audience)]
    } else if issuer != nil || audience != nil {
      try end(
        "\(file) names an OIDC_PROVIDERS_FILE: --issuer and --audience belong there.", .usage)
    }
    return questions + [
      (.admins, admin.isEmpty ? nil : admin.joined(separator: ",")),
      (.webhookSecret, try webhookSecret()),
    ]
  }

  private func webhookSecret() throws -> String? {
    guard let path = webhookSecretFile else { return nil }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      try end("\(path) cannot be read.", .failure)
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  // MARK: - Proof

  /// Reads the settings from the new content alone, and finds the installation.
  private func prove(_ content: inout EnvironmentFile) throws -> Settings {
    let variable = "GITHUB_APP_INSTALLATION_ID"
    // Any number will do to ask GitHub for the right one.
    var draft = content
    draft.set(variable, to: "1")
    let github = try Self.settings(draft).github
    let client = github.client(http: .curl()).limited(until: .now + .seconds(20))
    do throws(GitHubError) {
      content.set(variable, to: "\(try client.organizationInstallationID())")
    } catch .notFound {
      let slug = (try? client.app())?.slug ?? "NAME"
      try end(
        "The App is not installed in \(github.organization). An owner of the organization installs it: \(github.webURL)/apps/\(slug)/installations/new",
        .failure)
    } catch {
      try end("The App's installation cannot be found: \(error)", .failure)
    }
    return try Self.settings(content)
  }

  private static func settings(_ content: EnvironmentFile) throws(SettingsError) -> Settings {
    var settings = try Settings(
      reading: ConfigReader(
        provider: EnvironmentVariablesProvider(environmentVariables: content.variables)))
    settings.unknownVariables = Settings.unknownVariables(among: content.variables.keys.sorted())
    return settings
  }

  // MARK: - The file

  private func write(_ content: EnvironmentFile, to file: ConfigurationFile) throws {
    let differences = file.differences(to: content)
    if file.existing != nil {
      guard !differences.isEmpty else {
        print("\(file.path) is as it should be.")
        return
      }
      print("In \(file.path):")
      for line in differences { print(line) }
      guard force || isInteractive && Prompt.isConfirmed("Replace it?") else {
        try end(
          "Nothing was written.\(isInteractive ? "" : " Give --force to replace it.")", .failure)
      }
    }
    try file.write(content)
    print("Wrote \(file.path).")
    print(
      """

      Now make the database, start the service, and look whether it is ready:

        sudo runner-token-service init-db --env-file \(file.path)
        sudo systemctl enable --now runner-token-service.target
        sudo runner-token-service status --env-file \(file.path)
      """)
  }
}
