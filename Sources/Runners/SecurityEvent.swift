/// Something that an admin should look at: a refusal that may be an attempt, or a runner that should not be.
public struct SecurityEvent: Sendable, Equatable {
  /// What happened. How grave it is follows from that.
  public enum Kind: String, Sendable, CaseIterable {
    /// Labels were asked for that the policy does not allow, or a runner has others than were granted.
    case labelPolicyViolation = "label_policy_violation"
    /// A caller who has as many runners as they may asked for one more.
    case quotaExceeded = "quota_exceeded"
    /// A runner group was asked for that the policy does not open.
    case runnerGroupDenied = "runner_group_denied"
    /// A label pattern took too many steps to decide: a pattern to mend, or somebody who tries to keep us busy.
    case patternLimit = "pattern_limit"
    /// Somebody who is no admin asked for what only admins may.
    case adminDenied = "admin_denied"
    /// An approval was used by another than its owner, for another request, or twice.
    case approvalDenied = "approval_denied"
    /// A token that is good for one runner only was sent again.
    case tokenReplay = "token_replay"
    /// GitHub has a runner that nobody provisioned here.
    case unmanagedRunner = "unmanaged_runner"

    /// Of an event of this kind, unless what happened is graver.
    public var severity: Severity {
      switch self {
      case .quotaExceeded: .low
      case .labelPolicyViolation, .runnerGroupDenied, .unmanagedRunner: .medium
      case .patternLimit, .adminDenied, .approvalDenied, .tokenReplay: .high
      }
    }
  }

  /// How soon somebody should look, in rising order.
  public enum Severity: String, Sendable, CaseIterable {
    /// Also happens to honest callers.
    case low
    /// Somebody asked for what they may not have, or GitHub has what it should not.
    case medium
    /// Somebody may be trying what they may not do, or a runner is not what was granted.
    case high
    /// Of no kind of event yet.
    case critical
  }

  /// What happened.
  public let kind: Kind
  /// That of its kind, or a graver one.
  public let severity: Severity
  /// Whose doing it is, as far as that is known: for a runner that is not what was granted, its owner.
  public var actor: AuditEvent.Actor
  /// Our id of the runner, not GitHub's; nil where it is about none of ours.
  public var runnerID: String?
  /// The runner's name, or the one that was asked for: a prefix and `-*` where it was still to be generated.
  public var runnerName: String?
  /// Never a secret.
  public var data: [String: AuditEvent.Value]

  /// Of the severity that its kind has, unless another is given.
  public init(
    _ kind: Kind, severity: Severity? = nil, actor: AuditEvent.Actor, runnerID: String? = nil,
    runnerName: String? = nil, data: [String: AuditEvent.Value] = [:]
  ) {
    self.kind = kind
    self.severity = severity ?? kind.severity
    self.actor = actor
    self.runnerID = runnerID
    self.runnerName = runnerName
    self.data = data
  }
}

/// A security event as it stands in the table. Refusals of one caller and kind within a minute are one record.
public struct SecurityRecord: Sendable {
  /// Position in the table: higher than those of all earlier records.
  public let id: Int64
  /// When the first of them happened.
  public let firstSeenAt: Timestamp
  /// When the last of them happened; less than a minute later.
  public let lastSeenAt: Timestamp
  /// How many there were; at least 1.
  public let count: Int
  /// The first of them.
  public let event: SecurityEvent

  public init(
    id: Int64, firstSeenAt: Timestamp, lastSeenAt: Timestamp, count: Int, event: SecurityEvent
  ) {
    self.id = id
    self.firstSeenAt = firstSeenAt
    self.lastSeenAt = lastSeenAt
    self.count = count
    self.event = event
  }
}
