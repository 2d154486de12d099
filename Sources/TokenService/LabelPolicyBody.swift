import Patterns
import Runners
import StrictJSON

/// The body of a request that creates or replaces a label policy.
struct LabelPolicyBody {
  let userIdentity: String
  let policy: LabelPolicy

  /// Throws `validation` with every fault at once.
  init(parsing body: JSONObject) throws(ServiceError) {
    var reader = MemberReader(body)
    let userIdentity = reader.userIdentity()
    policy = LabelPolicy(
      allowedLabels: reader.allowedLabels(), labelPatterns: reader.labelPatterns(),
      maximumRunners: reader.maximumRunners(),
      requiresApproval: reader.flag("require_approval") ?? false,
      allowedRunnerGroups: reader.allowedRunnerGroups(),
      requiresJIT: reader.flag("require_jit") ?? false,
      requiresEphemeral: reader.flag("require_ephemeral") ?? false,
      description: reader.policyDescription())
    reader.refuseOthers()
    guard let userIdentity, reader.errors.isEmpty else { throw .validation(reader.errors) }
    self.userIdentity = userIdentity
  }
}

extension MemberReader {
  fileprivate mutating func userIdentity() -> String? {
    guard let value = member("user_identity") else {
      fail("user_identity", "is required")
      return nil
    }
    guard let identity = value.string, UserIdentity.isValid(identity) else {
      fail("user_identity", "must be a string of \(UserIdentity.rule)")
      return nil
    }
    return identity
  }

  fileprivate mutating func allowedLabels() -> [AllowedLabel] {
    elements("allowed_labels", atMost: LabelPolicy.maximumAllowedLabels) { text throws(Fault) in
      guard let label = AllowedLabel(text) else {
        throw Fault("must be \(AllowedLabel.rule)")
      }
      return label
    }
  }

  fileprivate mutating func labelPatterns() -> [LabelPattern] {
    elements("label_patterns", atMost: LabelPolicy.maximumLabelPatterns) { text throws(Fault) in
      guard !text.isEmpty else { throw Fault("must not be empty") }
      do throws(PatternError) {
        return try LabelPattern(text)
      } catch {
        throw Fault(error.description)
      }
    }
  }

  fileprivate mutating func maximumRunners() -> Int? {
    optional(
      "max_runners",
      { value in value.integer.flatMap { $0 >= 0 ? Int($0) : nil } },
      "must be a whole number, 0 or more, or null for no limit")
  }

  fileprivate mutating func allowedRunnerGroups() -> Set<Int64>? {
    optional(
      "allowed_runner_groups",
      { value in
        guard let elements = value.array, elements.count <= LabelPolicy.maximumRunnerGroups else {
          return nil
        }
        let groups = elements.compactMap(\.integer).filter { $0 > 0 }
        return groups.count == elements.count ? Set(groups) : nil
      },
      "must be an array of at most \(LabelPolicy.maximumRunnerGroups) positive whole numbers, or null for the default group only"
    )
  }

  fileprivate mutating func policyDescription() -> String? {
    optional(
      "description",
      { $0.string.flatMap { LabelPolicy.isDescription($0) ? $0 : nil } },
      "must be a string of \(LabelPolicy.descriptionRule), or null")
  }
}
