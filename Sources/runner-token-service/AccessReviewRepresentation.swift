import Runners

/// An access review as JSON.
struct AccessReviewRepresentation: Encodable {
  struct Provisioned: Encodable {
    let userIdentity: String
    let runners: Int
    let lastAt: Timestamp
    let labels: [String]

    enum CodingKeys: String, CodingKey {
      case runners, labels
      case userIdentity = "user_identity"
      case lastAt = "last_at"
    }
  }

  struct Refused: Encodable {
    let errorCode: String
    let userIdentity: String
    let count: Int

    enum CodingKeys: String, CodingKey {
      case count
      case errorCode = "error_code"
      case userIdentity = "user_identity"
    }
  }

  struct PolicyChange: Encodable {
    let timestamp: Timestamp
    let eventType: String
    let policyUserIdentity: String
    let changedBy: String

    enum CodingKeys: String, CodingKey {
      case timestamp
      case eventType = "event_type"
      case policyUserIdentity = "policy_user_identity"
      case changedBy = "changed_by"
    }
  }

  struct LiveRunner: Encodable {
    let runnerName: String
    let provisionedBy: String
    let status: String
    let labels: [String]
    let createdAt: Timestamp
    let ageDays: Int

    enum CodingKeys: String, CodingKey {
      case status, labels
      case runnerName = "runner_name"
      case provisionedBy = "provisioned_by"
      case createdAt = "created_at"
      case ageDays = "age_days"
    }
  }

  let organization: String
  let since: Timestamp
  let until: Timestamp
  /// null: no record of the period has been archived.
  let incompleteBefore: Timestamp?
  let provisioned: [Provisioned]
  let refused: [Refused]
  /// Requests that failed without the caller's doing.
  let faults: [Refused]
  let policyChanges: [PolicyChange]
  let liveRunners: [LiveRunner]

  enum CodingKeys: String, CodingKey {
    case organization, since, until, provisioned, refused, faults
    case incompleteBefore = "incomplete_before"
    case policyChanges = "policy_changes"
    case liveRunners = "live_runners"
  }

  init(_ review: AccessReview, at now: Timestamp) {
    organization = review.organization
    since = review.since
    until = review.until
    incompleteBefore = review.incompleteBefore
    provisioned = review.provisioned.map {
      Provisioned(
        userIdentity: $0.identity, runners: $0.runners, lastAt: $0.lastAt, labels: $0.labels)
    }
    refused = review.refused.map {
      Refused(errorCode: $0.errorCode, userIdentity: $0.identity, count: $0.count)
    }
    faults = review.faults.map {
      Refused(errorCode: $0.errorCode, userIdentity: $0.identity, count: $0.count)
    }
    policyChanges = review.policyChanges.map {
      PolicyChange(
        timestamp: $0.at, eventType: $0.kind.rawValue, policyUserIdentity: $0.identity,
        changedBy: $0.changedBy)
    }
    liveRunners = review.liveRunners.map {
      LiveRunner(
        runnerName: $0.name, provisionedBy: $0.identity, status: $0.status.rawValue,
        labels: $0.labels, createdAt: $0.createdAt, ageDays: $0.days(at: now))
    }
  }
}
