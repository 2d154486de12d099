/// What is known about our App's installation in the organization.
public struct Installation: Sendable, Equatable {
  /// Whether GitHub lets the App act for the organization.
  public enum State: String, Sendable, CaseIterable {
    /// It does. Also what is assumed before GitHub has told anything else.
    case active
    /// The organization has suspended it: GitHub answers nothing until it is taken up again.
    case suspended
    /// The organization has removed it.
    case deleted
  }

  /// As GitHub told it last.
  public var state: State
  /// When another state than the one before was noted here; nil where that never happened.
  public var stateChangedAt: Timestamp?
  /// nil until GitHub has shown a rate limit.
  public var budget: RateLimitBudget?
  /// The number of the last sync that came to its end; zero before the first.
  public var lastSync: Int64
  /// When that sync came to its end; nil before the first.
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
