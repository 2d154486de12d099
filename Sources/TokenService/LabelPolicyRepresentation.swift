public import Runners

/// A label policy as the API and the commands show it.
public struct LabelPolicyRepresentation: Encodable {
  private let stored: StoredLabelPolicy

  /// As the API shows this policy.
  public init(_ stored: StoredLabelPolicy) {
    self.stored = stored
  }

  /// One text for one policy: JSON with its members in the order of their names.
  func text() throws(ServiceError) -> String {
    guard let bytes = JSONBody.encode(self) else { throw .internalError }
    return String(decoding: bytes, as: UTF8.self)
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

  /// Members without a value are there, as null, because null says something: no limit, or the default group only.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let policy = stored.text
    try container.encode(stored.userIdentity, forKey: .userIdentity)
    try container.encode(policy.allowedLabels, forKey: .allowedLabels)
    try container.encode(policy.labelPatterns, forKey: .labelPatterns)
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

extension AuditEvent {
  /// A policy was made, replaced or deleted: what it was and what it is. Throws `internalError` where there is neither.
  public static func policyChange(
    from before: StoredLabelPolicy?, to after: StoredLabelPolicy?, _ actor: Actor
  ) throws(ServiceError) -> AuditEvent {
    guard let policy = after ?? before else { throw .internalError }
    var event = AuditEvent(
      before == nil ? .policyCreated : after == nil ? .policyDeleted : .policyUpdated,
      actor: actor)
    event.data = [
      "policy_user_identity": .text(policy.userIdentity), "revision": .number(policy.revision),
    ]
    if let before { event.data["before"] = .text(try LabelPolicyRepresentation(before).text()) }
    if let after { event.data["after"] = .text(try LabelPolicyRepresentation(after).text()) }
    return event
  }
}
