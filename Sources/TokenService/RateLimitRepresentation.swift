public import Runners

/// GitHub's rate limit as the API and the commands show it.
public struct RateLimitRepresentation: Encodable {
  private let limit: Int
  private let remaining: Int
  private let resetAt: Timestamp

  private enum CodingKeys: String, CodingKey {
    case limit, remaining
    case resetAt = "reset_at"
  }

  /// As the API shows this budget.
  public init(_ budget: RateLimitBudget) {
    limit = budget.limit
    remaining = budget.remaining
    resetAt = budget.resetAt
  }
}
