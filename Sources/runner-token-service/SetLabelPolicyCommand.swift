import ArgumentParser
import Patterns
import Runners
import Storage
import TokenService

/// `set-label-policy`: what one identity may have, from now on.
struct SetLabelPolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set-label-policy",
    abstract: "Create or replace the label policy of an identity.",
    discussion: """
      The options are the whole policy: what is left out is not taken over from the one before. docs/LABEL_POLICY.md says what \
      each means. Audited as cli: and the name of the unix user. Run it with sudo: it becomes the user that the workers \
      run as.

      Ends with status 64, and a line for each fault, if this is no policy, and 1 if --if-revision does not hold.

      Example:
        runner-token-service set-label-policy --env-file service.env \\
          --user alice@example.com --label gpu --pattern 'team-a-[a-z0-9]+' \\
          --max-runners 5 --require-ephemeral
      """)

  @OptionGroup var configuration: ConfigurationOptions
  @OptionGroup var content: LabelPolicyOptions

  @Option(help: ArgumentHelp("Whose policy it is.", valueName: "identity"))
  var user: String

  @Option(
    help: ArgumentHelp(
      "Only if the policy has this revision; 0: only if there is none.",
      discussion: "So that what another admin saved meanwhile is not overwritten unseen.",
      valueName: "number"))
  var ifRevision: Int64?

  @Flag(help: "Say what would change, and change nothing.")
  var dryRun = false

  func validate() throws {
    var faults = content.faults
    if !UserIdentity.isValid(user) { faults.insert("--user: must be \(UserIdentity.rule)", at: 0) }
    if let ifRevision, ifRevision < 0 { faults.append("--if-revision: must be 0 or more") }
    guard faults.isEmpty else { throw ValidationError(faults.joined(separator: "\n")) }
  }

  func run() throws {
    let policy = try content.policy()
    try ServiceState.run(try configuration.localSettings()) { state in
      if dryRun {
        let before = try state.database.read { try $0.labelPolicies.policy(of: user) }
        try checkRevision(of: before)
        printChange(from: before, to: LabelPolicyText(policy))
        print("Nothing was changed.")
        return
      }
      let (before, after) = try state.change { transaction, record in
        let before = try transaction.labelPolicies.policy(of: user)
        try checkRevision(of: before)
        let after = try transaction.labelPolicies.save(
          policy, of: user, by: ServiceState.actor.identity ?? "cli:")
        try record(.policyChange(from: before, to: after, ServiceState.actor))
        return (before, after)
      }
      printChange(from: before, to: after.text)
      print("\(before == nil ? "Created" : "Replaced"); revision \(after.revision).")
    }
  }

  private func checkRevision(of before: StoredLabelPolicy?) throws(ExitCode) {
    guard let ifRevision, ifRevision != before?.revision ?? 0 else { return }
    Diagnostic.print(
      before.map { "Nothing was changed: the policy has revision \($0.revision)." }
        ?? "Nothing was changed: there is no policy.")
    throw ExitCode.failure
  }

  private func printChange(from before: StoredLabelPolicy?, to after: LabelPolicyText) {
    print("Label policy of \(user.visible)")
    let old = before?.text.properties.map(\.value)
    let rows = after.properties.enumerated().map { index, property in
      [property.name, old?[index] ?? "no policy", property.value]
    }
    let table = Table(["", "WAS", "IS"], for: rows)
    print(table.header)
    for row in rows { print(row[1] == row[2] ? table.line(row) : Terminal.bold(table.line(row))) }
  }
}

/// A label policy on the command line.
struct LabelPolicyOptions: ParsableArguments {
  @Option(
    name: .customLong("label"),
    help: ArgumentHelp(
      "A label that is allowed; * for every label. Any number.", valueName: "label"))
  var labels: [String] = []

  @Option(
    name: .customLong("pattern"),
    help: ArgumentHelp(
      "A PCRE2 pattern; it has to match the whole label. Any number.", valueName: "pattern"))
  var patterns: [String] = []

  @Option(help: ArgumentHelp("Live runners at most; no limit without it.", valueName: "number"))
  var maxRunners: Int?

  @Option(
    name: .customLong("runner-group"),
    help: ArgumentHelp(
      "A runner group that is allowed; the default group alone without it. Any number.",
      valueName: "id"))
  var runnerGroups: [Int64] = []

  @Flag(help: "An admin has to approve each runner.")
  var requireApproval = false

  @Flag(help: "Only JIT runners.")
  var requireJit = false

  @Flag(help: "Only ephemeral runners.")
  var requireEphemeral = false

  @Option(help: ArgumentHelp("For people.", valueName: "text"))
  var description: String?

  /// What is wrong with the options, each by its name.
  var faults: [String] {
    var faults: [String] = []
    if labels.count > LabelPolicy.maximumAllowedLabels {
      faults.append("--label: at most \(LabelPolicy.maximumAllowedLabels) are allowed")
    }
    for label in labels where AllowedLabel(label) == nil {
      faults.append("--label '\(label.visible)': must be \(AllowedLabel.rule)")
    }
    if patterns.count > LabelPolicy.maximumLabelPatterns {
      faults.append("--pattern: at most \(LabelPolicy.maximumLabelPatterns) are allowed")
    }
    for pattern in patterns {
      guard !pattern.isEmpty else {
        faults.append("--pattern '': must not be empty")
        continue
      }
      do { _ = try LabelPattern(pattern) } catch {
        faults.append("--pattern '\(pattern.visible)': \(error)")
      }
    }
    if let maxRunners, maxRunners < 0 { faults.append("--max-runners: must be 0 or more") }
    if runnerGroups.count > LabelPolicy.maximumRunnerGroups {
      faults.append("--runner-group: at most \(LabelPolicy.maximumRunnerGroups) are allowed")
    }
    for group in runnerGroups where group <= 0 {
      faults.append("--runner-group \(group): must be a positive whole number")
    }
    if let description, !LabelPolicy.isDescription(description) {
      faults.append("--description: must have \(LabelPolicy.descriptionRule)")
    }
    return faults
  }

  /// The policy, where there are no faults.
  func policy() throws(PatternError) -> LabelPolicy {
    var compiled: [LabelPattern] = []
    for pattern in patterns { compiled.append(try LabelPattern(pattern)) }
    return LabelPolicy(
      allowedLabels: labels.compactMap(AllowedLabel.init), labelPatterns: compiled,
      maximumRunners: maxRunners, requiresApproval: requireApproval,
      allowedRunnerGroups: runnerGroups.isEmpty ? nil : Set(runnerGroups),
      requiresJIT: requireJit, requiresEphemeral: requireEphemeral, description: description)
  }
}
