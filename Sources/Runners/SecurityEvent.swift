/// Something that an admin should look at: a refusal that may be an attempt, or a runner that should not be.
public struct SecurityEvent: Sendable, Equatable {
  /// What happened. How grave it is follows from that.
  public enum Kind: String, Sendable, CaseIterable {
    /// Labels were asked for that the policy does not allow, or a runner has others than were granted.
    case labelPolicyViolation = "label_policy_violation"
    case quotaExceeded = "quota_exceeded"
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
    case low, medium, high, critical
  }

  public let kind: Kind
  public let severity: Severity
  public var actor: AuditEvent.Actor
  public var runnerID: String?
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
  public let id: Int64
  public let firstSeenAt: Timestamp
  public let lastSeenAt: Timestamp
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
