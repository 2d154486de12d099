import Runners

extension LabelPolicyText {
  /// Each property with its value, for people.
  var properties: [(name: String, value: String)] {
    [
      ("labels", list(allowedLabels)),
      ("patterns", list(labelPatterns)),
      ("max runners", maximumRunners.map(String.init) ?? "no limit"),
      (
        "runner groups", allowedRunnerGroups.map { list($0.sorted().map(String.init)) } ?? "default"
      ),
      ("approval", requiresApproval ? "required" : "-"),
      ("JIT", requiresJIT ? "required" : "-"),
      ("ephemeral", requiresEphemeral ? "required" : "-"),
      ("description", description ?? "-"),
    ]
  }

  /// What it requires, and the groups where it names any.
  var flags: String {
    var flags: [String] = []
    if requiresApproval { flags.append("approval") }
    if requiresJIT { flags.append("jit") }
    if requiresEphemeral { flags.append("ephemeral") }
    if let groups = allowedRunnerGroups {
      flags.append("groups=" + groups.sorted().map(String.init).joined(separator: ","))
    }
    return list(flags)
  }

  private func list(_ values: [String]) -> String {
    values.isEmpty ? "-" : values.joined(separator: ", ")
  }
}
