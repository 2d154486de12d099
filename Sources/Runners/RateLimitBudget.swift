/// How many requests GitHub still answers our installation, as it said last, and who may use the last of them.
public struct RateLimitBudget: Sendable, Equatable {
  /// What a request to GitHub is for. What can wait gives way first.
  public enum Purpose: Sendable, CaseIterable {
    /// Reading everything, to find out what changed.
    case sync
    /// A runner that somebody waits for.
    case provisioning
    /// Taking away what should not be there, and making sure of what is.
    case deletionAndVerification
  }

  /// Requests an hour.
  public let limit: Int
  /// How many of them are left until `resetAt`.
  public let remaining: Int
  /// When `remaining` is `limit` again.
  public let resetAt: Timestamp

  public init(limit: Int, remaining: Int, resetAt: Timestamp) {
    self.limit = limit
    self.remaining = remaining
    self.resetAt = resetAt
  }

  /// Whether a request for `purpose` may be made now: syncs leave a tenth of the limit, provisioning a twentieth.
  public func allows(_ purpose: Purpose, at now: Timestamp) -> Bool {
    guard now < resetAt else { return true }
    switch purpose {
    case .sync: return remaining * 10 >= limit
    case .provisioning: return remaining * 20 >= limit
    case .deletionAndVerification: return remaining > 0
    }
  }

  /// Seconds until the limit is there again; at least 1.
  public func retryAfter(at now: Timestamp) -> Int {
    resetAt.wait(from: now)
  }

  /// What is known once `other` was heard too, in whatever order the two were sent: of one window the smaller rest, of two
  /// the later window. A limit that has changed says that what was known is of no use any more.
  public func merged(with other: RateLimitBudget) -> RateLimitBudget {
    if other.limit != limit { return other }
    if other.resetAt != resetAt { return other.resetAt < resetAt ? self : other }
    return other.remaining < remaining ? other : self
  }
}
