/// What is known about our App's installation in the organization.
public struct Installation: Sendable, Equatable {
  /// Whether GitHub lets the App act for the organization.
  public enum State: String, Sendable, CaseIterable {
    case active
    /// The organization has suspended it: GitHub answers nothing until it is taken up again.
    case suspended
    /// The organization has removed it.
    case deleted
  }

  public var state: State
  public var stateChangedAt: Timestamp?
  /// nil until GitHub has shown a rate limit.
  public var budget: RateLimitBudget?
  /// The number of the last sync that was complete; zero before the first.
  public var lastSync: Int64
  public var lastSyncAt: Timestamp?
  /// How many runners the organization had at GitHub then.
  public var lastSyncRunners: Int?

  public init(
    state: State = .active, stateChangedAt: Timestamp? = nil, budget: RateLimitBudget? = nil,
    lastSync: Int64 = 0, lastSyncAt: Timestamp? = nil, lastSyncRunners: Int? = nil
  ) {
    self.state = state
    self.stateChangedAt = stateChangedAt
    self.budget = budget
    self.lastSync = lastSync
    self.lastSyncAt = lastSyncAt
    self.lastSyncRunners = lastSyncRunners
  }
}
