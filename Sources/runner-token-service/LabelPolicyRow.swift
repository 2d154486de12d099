import Foundation
import Runners

/// A label policy as the commands show it: with the members of the API's answer.
struct LabelPolicyRow: Encodable {
  private let stored: StoredLabelPolicy

  init(_ stored: StoredLabelPolicy) {
    self.stored = stored
  }

  private enum CodingKeys: String, CodingKey {
    case description, revision
    case userIdentity = "user_identity"
    case allowedLabels = "allowed_labels"
    case labelPatterns = "label_patterns"
    case maximumRunners = "max_runners"
    case requiresApproval = "require_approval"
    case allowedRunnerGroups = "allowed_runner_groups"
    case requiresJIT = "require_jit"
    case requiresEphemeral = "require_ephemeral"
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case updatedBy = "updated_by"
  }

  /// Members without a value are there, as null.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let policy = stored.policy
    try container.encode(stored.userIdentity, forKey: .userIdentity)
    try container.encode(policy.allowedLabels.map(\.description), forKey: .allowedLabels)
    try container.encode(policy.labelPatterns.map(\.source), forKey: .labelPatterns)
    try container.encode(policy.maximumRunners, forKey: .maximumRunners)
    try container.encode(policy.requiresApproval, forKey: .requiresApproval)
    try container.encode(policy.allowedRunnerGroups?.sorted(), forKey: .allowedRunnerGroups)
    try container.encode(policy.requiresJIT, forKey: .requiresJIT)
    try container.encode(policy.requiresEphemeral, forKey: .requiresEphemeral)
    try container.encode(policy.description, forKey: .description)
    try container.encode(stored.revision, forKey: .revision)
    try container.encode(stored.createdAt, forKey: .createdAt)
    try container.encode(stored.updatedAt, forKey: .updatedAt)
    try container.encode(stored.updatedBy, forKey: .updatedBy)
  }
}

extension LabelPolicy {
  /// Each property with its value, for people.
  var properties: [(name: String, value: String)] {
    [
      ("labels", list(allowedLabels.map(\.description))),
      ("patterns", list(labelPatterns.map(\.source))),
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

/// JSON on one line, without characters that a terminal would act on.
enum JSONLine {
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self).escapingInvisibleInJSON()
  }
}
