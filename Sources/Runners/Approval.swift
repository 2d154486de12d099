/// What an admin approves: a provision request in one canonical form, so that equal requests are equal values.
public struct ApprovalRequest: Sendable, Equatable {
  /// The name that was asked for, or what a generated one is to begin with.
  public let name: ProvisionRequest.Name
  /// In lower case, sorted, each once: GitHub compares labels without regard to case, and their order means nothing.
  public let labels: [Label]
  /// The group that was asked for, or the default one.
  public let runnerGroupID: Int64
  /// Whether the runner is to go after one job. Always so for a JIT runner.
  public let ephemeral: Bool
  /// Whether the runner is not to update its software by itself.
  public let disableUpdate: Bool
  /// What is to be handed out.
  public let kind: Provisioning
  /// Of a JIT runner, which always has one; nil for any other.
  public let workFolder: WorkFolder?

  public init(
    name: ProvisionRequest.Name, labels: [Label], runnerGroupID: Int64, ephemeral: Bool,
    disableUpdate: Bool, kind: Provisioning, workFolder: WorkFolder? = nil
  ) {
    self.name = name
    self.labels = Set(labels.map { $0.description.lowercased() }).sorted().compactMap(Label.init)
    self.runnerGroupID = runnerGroupID
    // A JIT runner is ephemeral whatever was asked for.
    self.ephemeral = ephemeral || kind == .jit
    self.disableUpdate = disableUpdate
    self.kind = kind
    self.workFolder = kind == .jit ? workFolder ?? .standard : nil
  }

  /// What an approval of this request is for: what the request leaves open is filled in.
  public init(_ request: ProvisionRequest, kind: Provisioning, defaultRunnerGroupID: Int64) {
    self.init(
      name: request.name, labels: request.labels,
      runnerGroupID: request.runnerGroupID ?? defaultRunnerGroupID, ephemeral: request.ephemeral,
      disableUpdate: request.disableUpdate, kind: kind, workFolder: request.workFolder)
  }
}

/// Where an approval stands.
public enum ApprovalStatus: String, Sendable, CaseIterable {
  /// No admin has decided yet.
  case pending
  /// The request may be sent again, once, with the approval's id.
  case approved
  /// An admin turned it down, or took it back before it was used.
  case denied
  /// A runner was provisioned on it.
  case used
  /// Its time ran out before it was decided, or before it was used. Follows from the time and is never stored.
  case expired
}

/// What an admin may make of a request.
public enum ApprovalDecision: String, Sendable, CaseIterable {
  /// The request may be carried out once. Only of one that waits.
  case approve
  /// It may not. Of one that waits, or that was approved and has not been used.
  case deny

  /// How the approval stands afterwards.
  public var status: ApprovalStatus {
    switch self {
    case .approve: .approved
    case .deny: .denied
    }
  }
}

/// A request that waits for an admin's decision, or has had it.
public struct Approval: Sendable, Equatable {
  /// How long an approval lasts from the request on, in seconds: a day, for the decision and the use together.
  public static let lifetime = 86_400
  /// Of the requests for which a caller may await a decision at a time.
  public static let maximumPending = 20
  /// Of a reason, in Unicode scalars.
  public static let maximumReasonLength = 1000

  /// A random UUID in lower case.
  public let id: String
  /// The organization whose runner it is about, by its login.
  public let organization: String
  /// Who asked.
  public let owner: Principal
  /// What it is good for.
  public let requested: ApprovalRequest
  /// The revision of the policy that wants the approval; nil where the token's own policy alone does.
  public let policyRevision: Int64?
  /// When it was asked for.
  public let createdAt: Timestamp
  /// Until when it can be decided or used.
  public let expiresAt: Timestamp
  /// As stored, so never `expired`.
  private let storedStatus: ApprovalStatus
  /// nil while it waits.
  public let decidedAt: Timestamp?
  /// The identity of the admin.
  public let decidedBy: String?
  /// What the admin wrote for the owner to read.
  public let reason: String?
  /// The runner that was provisioned on it.
  public let runnerID: String?

  /// `status` is the stored one, which is not `expired`.
  public init(
    id: String, organization: String, owner: Principal, requested: ApprovalRequest,
    policyRevision: Int64?, createdAt: Timestamp, expiresAt: Timestamp, status: ApprovalStatus,
    decidedAt: Timestamp?, decidedBy: String?, reason: String?, runnerID: String?
  ) {
    self.id = id
    self.organization = organization
    self.owner = owner
    self.requested = requested
    self.policyRevision = policyRevision
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    storedStatus = status
    self.decidedAt = decidedAt
    self.decidedBy = decidedBy
    self.reason = reason
    self.runnerID = runnerID
  }

  /// A request that nobody has decided on.
  public init(
    id: String, organization: String, owner: Principal, requested: ApprovalRequest,
    policyRevision: Int64?, createdAt: Timestamp
  ) {
    self.init(
      id: id, organization: organization, owner: owner, requested: requested,
      policyRevision: policyRevision, createdAt: createdAt,
      expiresAt: createdAt.adding(seconds: Self.lifetime), status: .pending, decidedAt: nil,
      decidedBy: nil, reason: nil, runnerID: nil)
  }

  /// Where it stands at a time. It has expired from `expiresAt` on, unless it was denied or used by then.
  public func status(at now: Timestamp) -> ApprovalStatus {
    switch storedStatus {
    case .pending, .approved: now < expiresAt ? storedStatus : .expired
    case .denied, .used, .expired: storedStatus
    }
  }
}

// MARK: - The decision

extension Approval {
  /// Why a request is not covered.
  public enum Objection: Sendable, Equatable, CaseIterable {
    // What was approved is another request.

    /// Somebody else asked for it, by issuer and subject.
    case otherPrincipal
    /// It is for another name or another prefix.
    case otherName
    /// It is for other labels, whatever their order and case.
    case otherLabels
    /// It is for another runner group. Where none is asked for that is the default one.
    case otherRunnerGroup
    /// It is for a JIT runner and a registration token is asked for, or the reverse.
    case otherKind
    /// It is for a runner that goes after one job and one that stays is asked for, or the reverse.
    case otherEphemeral
    /// It is for a runner that updates itself and one that does not is asked for, or the reverse.
    case otherDisableUpdate
    /// It is for another work folder. Not said where the kind differs, since only JIT runners have one.
    case otherWorkFolder

    // It cannot be used, whatever for.

    /// No admin has decided yet: the caller is too early, and has done nothing wrong.
    case pending
    /// An admin turned it down, or took it back.
    case denied
    /// Its time has run out.
    case expired
    /// A runner was provisioned on it already.
    case used
  }

  /// Everything that speaks against honouring a request on this approval, in the order of the cases; empty if it is good.
  public func objections(
    to request: ApprovalRequest, by caller: Principal, at now: Timestamp
  ) -> [Objection] {
    let differences: [Objection?] = [
      caller == owner ? nil : .otherPrincipal,
      request.name == requested.name ? nil : .otherName,
      request.labels == requested.labels ? nil : .otherLabels,
      request.runnerGroupID == requested.runnerGroupID ? nil : .otherRunnerGroup,
      request.kind == requested.kind ? nil : .otherKind,
      request.ephemeral == requested.ephemeral ? nil : .otherEphemeral,
      request.disableUpdate == requested.disableUpdate ? nil : .otherDisableUpdate,
      request.workFolder == requested.workFolder || request.kind != requested.kind
        ? nil : .otherWorkFolder,
    ]
    let standing: Objection? =
      switch status(at: now) {
      case .approved: nil
      case .pending: .pending
      case .denied: .denied
      case .expired: .expired
      case .used: .used
      }
    return (differences + [standing]).compactMap(\.self)
  }
}
