import Runners

/// Why an approval is not honoured.
enum ApprovalObjection: Equatable {
  /// It is somebody else's, or there is none of this id.
  case notTheirs
  /// At least one.
  case objections([Approval.Objection])

  var error: ServiceError {
    switch self {
    case .notTheirs: .approvalNotFound
    case .objections: .approvalNotValid(detail: detail)
    }
  }

  var detail: String {
    switch self {
    case .notTheirs: "is not the caller's"
    case .objections(let objections): objections.map(\.sentence).joined(separator: " ")
    }
  }
}

extension Approval.Objection {
  /// For the caller.
  fileprivate var sentence: String {
    switch self {
    case .otherPrincipal: "The approval is somebody else's."
    case .otherName: "The approval is for another runner name."
    case .otherLabels: "The approval is for other labels."
    case .otherRunnerGroup: "The approval is for another runner group."
    case .otherKind: "The approval is for another kind of runner."
    case .otherEphemeral: "The approval is for another value of ephemeral."
    case .otherDisableUpdate: "The approval is for another value of disable_update."
    case .otherWorkFolder: "The approval is for another work folder."
    case .pending: "No administrator has decided on the approval yet."
    case .denied: "The approval was denied."
    case .expired: "The approval has expired; leave approval_id out to ask for a new one."
    case .used: "The approval has been used; leave approval_id out to ask for a new one."
    }
  }
}
