/// A runner from the moment somebody asked for it until it is gone, and as history afterwards.
public struct Runner: Sendable, Equatable {
  /// A random UUID in lower case.
  public let id: String
  /// Unique among the organization's live runners, whatever the case.
  public let name: RunnerName
  /// The GitHub organization that it belongs to.
  public let organization: String
  /// Where it stands by what GitHub or a webhook told last, or by time.
  public var status: RunnerStatus
  /// Whether it had a job when it was last heard of.
  public var busy: Bool
  /// GitHub's id, once GitHub itself has answered with it. A webhook may have made the runner active before that.
  public var githubRunnerID: Int64?
  /// GitHub's id of the group that was granted.
  public let runnerGroupID: Int64
  /// As granted, which need not be what the runner shows at GitHub.
  public let labels: [Label]
  /// Whether GitHub takes it off its list after one job.
  public let ephemeral: Bool
  /// Whether it does not update its software by itself.
  public let disableUpdate: Bool
  /// By what it came, or is to come, to be known at GitHub.
  public let provisioning: Provisioning
  /// Who asked for it. Issuer and subject decide whose it is; the identity is for people.
  public let owner: Principal
  /// The revision of the stored policy that allowed it; nil where none did.
  public let policyRevision: Int64?
  /// Whether a token or JIT config for it left this service. Until then it is a reservation.
  public var isIssued: Bool
  /// Until when it counts while it is pending: the reservation's deadline, then the expiry of what was issued.
  public var pendingUntil: Timestamp
  /// When it was asked for.
  public let createdAt: Timestamp
  /// When anything of it last changed.
  public var updatedAt: Timestamp
  /// When it was first seen at GitHub, or a JIT runner first connected; nil before.
  public var registeredAt: Timestamp?
  /// nil while it lives.
  public var deletedAt: Timestamp?
  /// nil while it lives.
  public var deletionReason: DeletionReason?
  /// When GitHub last showed it with the labels, group and kind that were granted; nil until it has been looked at.
  public var verifiedAt: Timestamp?
  /// Set while it is to be removed at GitHub and is still there.
  public var removal: Removal?

  public init(
    id: String, name: RunnerName, organization: String, status: RunnerStatus, busy: Bool,
    githubRunnerID: Int64?, runnerGroupID: Int64, labels: [Label], ephemeral: Bool,
    disableUpdate: Bool, provisioning: Provisioning, owner: Principal,
    policyRevision: Int64? = nil, isIssued: Bool,
    pendingUntil: Timestamp, createdAt: Timestamp, updatedAt: Timestamp,
    registeredAt: Timestamp?, deletedAt: Timestamp?, deletionReason: DeletionReason?,
    verifiedAt: Timestamp? = nil, removal: Removal? = nil
  ) {
    self.id = id
    self.name = name
    self.organization = organization
    self.status = status
    self.busy = busy
    self.githubRunnerID = githubRunnerID
    self.runnerGroupID = runnerGroupID
    self.labels = labels
    self.ephemeral = ephemeral
    self.disableUpdate = disableUpdate
    self.provisioning = provisioning
    self.owner = owner
    self.policyRevision = policyRevision
    self.isIssued = isIssued
    self.pendingUntil = pendingUntil
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.registeredAt = registeredAt
    self.deletedAt = deletedAt
    self.deletionReason = deletionReason
    self.verifiedAt = verifiedAt
    self.removal = removal
  }
}

/// That a runner is to be removed at GitHub, as soon as GitHub lets it be.
public struct Removal: Sendable, Equatable {
  /// Why, and so the `deletionReason` once it is removed.
  public let reason: DeletionReason
  /// Since when it is to be removed. Who has waited longest is removed first.
  public let requestedAt: Timestamp

  public init(reason: DeletionReason, requestedAt: Timestamp) {
    self.reason = reason
    self.requestedAt = requestedAt
  }
}

/// Where a runner is in its life. The raw value is what callers see and the database holds.
public enum RunnerStatus: String, Sendable, CaseIterable {
  /// Asked for, and not seen at GitHub yet.
  case pending
  /// Online at GitHub, or said to be by a webhook.
  case active
  /// Known at GitHub and not connected.
  case offline
  /// Gone for good.
  case deleted
}

/// How a runner comes to be known at GitHub.
public enum Provisioning: String, Sendable {
  /// By a token that `config.sh` registers with, within an hour.
  case registrationToken = "registration_token"
  /// By a config for one runner, which GitHub has made before the machine connects.
  case jit
}

/// Why a runner is deleted.
public enum DeletionReason: String, Sendable {
  /// Its owner asked, or an admin.
  case requested
  /// GitHub, the database or the audit log failed while it was provisioned: nothing was handed out.
  case provisioningFailed = "provisioning_failed"
  /// The worker that reserved it ended before it had handed anything out.
  case reservationExpired = "reservation_expired"
  /// Its registration token expired unused.
  case neverRegistered = "never_registered"
  /// GitHub does not know it any more.
  case goneAtGitHub = "gone_at_github"
  /// GitHub showed it with other labels, in another group or of another kind than were granted.
  case policyViolation = "policy_violation"
  /// It was not connected for as long as the configuration allows.
  case stale
}
