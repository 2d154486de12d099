/// What a caller without a policy of their own may have.
public enum DefaultLabelPolicy: String, Sendable, CaseIterable {
  /// Nothing.
  case deny
  /// Every label, in the default runner group. For trying the service out.
  case allow
}

/// The decision on a request, with every reason against it.
public enum PolicyVerdict: Sendable, Equatable {
  case allowed
  /// At least one reason.
  case denied([Reason])

  public enum Reason: Sendable, Equatable {
    /// The caller may have no runner at all.
    case noPolicy
    case runnerGroupNotAllowed(Int64)
  }
}

extension DefaultLabelPolicy {
  /// Decides on a request of a caller who has no policy of their own.
  public func verdict(on request: ProvisionRequest, defaultRunnerGroupID: Int64) -> PolicyVerdict {
    var reasons: [PolicyVerdict.Reason] = []
    if self == .deny { reasons.append(.noPolicy) }
    if let groupID = request.runnerGroupID, groupID != defaultRunnerGroupID {
      reasons.append(.runnerGroupNotAllowed(groupID))
    }
    return reasons.isEmpty ? .allowed : .denied(reasons)
  }
}
