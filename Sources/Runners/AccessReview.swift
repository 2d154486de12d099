/// Who had what in a period, for an admin who reviews accesses and for the auditor who asks for it.
public struct AccessReview: Sendable, Equatable {
  /// What one identity was given.
  public struct Provisioned: Sendable, Equatable {
    /// What people call the caller (`Principal.identity`); empty where the record names nobody.
    public let identity: String
    /// Registration tokens and JIT configs that were handed out.
    public let runners: Int
    /// When the last of them was handed out.
    public let lastAt: Timestamp
    /// Every label that was granted, in lower case, sorted.
    public let labels: [String]

    public init(identity: String, runners: Int, lastAt: Timestamp, labels: [String]) {
      self.identity = identity
      self.runners = runners
      self.lastAt = lastAt
      self.labels = labels
    }
  }

  /// The error codes that blame GitHub, the identity provider or this service: HTTP statuses from 500 on. Whoever got one was
  /// not refused.
  public static let faultCodes: Set<String> = [
    "AUDIT_UNAVAILABLE", "DATABASE_UNAVAILABLE", "GITHUB_ERROR", "GITHUB_RATE_LIMITED",
    "GITHUB_UNAVAILABLE", "IDENTITY_PROVIDER_UNAVAILABLE", "INTERNAL_ERROR", "POLICY_CHANGED",
  ]

  /// How often one identity got one error code.
  public struct Refused: Sendable, Equatable {
    /// As the caller saw it; empty where the record has none.
    public let errorCode: String
    /// What people call the caller; empty where the record names nobody.
    public let identity: String
    /// How many requests; at least 1.
    public let count: Int

    public init(errorCode: String, identity: String, count: Int) {
      self.errorCode = errorCode
      self.identity = identity
      self.count = count
    }
  }

  /// A label policy that was made, replaced or deleted.
  public struct PolicyChange: Sendable, Equatable {
    /// When it was recorded.
    public let at: Timestamp
    /// `policyCreated`, `policyUpdated` or `policyDeleted`.
    public let kind: AuditEvent.Kind
    /// Whose policy it is.
    public let identity: String
    /// The admin's identity, or `cli:` and a user; empty where the record names nobody.
    public let changedBy: String

    public init(at: Timestamp, kind: AuditEvent.Kind, identity: String, changedBy: String) {
      self.at = at
      self.kind = kind
      self.identity = identity
      self.changedBy = changedBy
    }
  }

  /// A runner that is there at the time of the review.
  public struct LiveRunner: Sendable, Equatable {
    /// Unique among the organization's live runners, whatever the case.
    public let name: String
    /// What people call its owner.
    public let identity: String
    /// Never `deleted`.
    public let status: RunnerStatus
    /// As they were granted.
    public let labels: [String]
    /// When it was asked for.
    public let createdAt: Timestamp

    public init(
      name: String, identity: String, status: RunnerStatus, labels: [String], createdAt: Timestamp
    ) {
      self.name = name
      self.identity = identity
      self.status = status
      self.labels = labels
      self.createdAt = createdAt
    }

    /// Whole days that it has been there.
    public func days(at now: Timestamp) -> Int {
      Int((now.milliseconds - createdAt.milliseconds) / 86_400_000)
    }
  }

  /// Whose live runners are listed, by its login. The rest of the review is of the whole audit log, which knows one
  /// organization only.
  public let organization: String
  /// The first moment of the period.
  public let since: Timestamp
  /// Not part of the period itself.
  public let until: Timestamp
  /// Set where records of the period have been archived, so that they are not counted here: the time of the first record that
  /// has not been.
  public let incompleteBefore: Timestamp?
  /// Most runners first.
  public let provisioned: [Provisioned]
  /// Most frequent first.
  public let refused: [Refused]
  /// Requests that failed without the caller's doing (`faultCodes`), most frequent first.
  public let faults: [Refused]
  /// In the order in which they were made.
  public let policyChanges: [PolicyChange]
  /// Oldest first.
  public let liveRunners: [LiveRunner]

  public init(
    organization: String, since: Timestamp, until: Timestamp, incompleteBefore: Timestamp?,
    provisioned: [Provisioned], refused: [Refused], faults: [Refused],
    policyChanges: [PolicyChange],
    liveRunners: [LiveRunner]
  ) {
    self.organization = organization
    self.since = since
    self.until = until
    self.incompleteBefore = incompleteBefore
    self.provisioned = provisioned
    self.refused = refused
    self.faults = faults
    self.policyChanges = policyChanges
    self.liveRunners = liveRunners
  }
}
