public import Runners

/// What a full sync did.
public struct SyncReport: Sendable {
  /// Rises by one with each sync that came to its end.
  public let number: Int64
  /// Of GitHub's list.
  public let pages: Int
  /// Of them, those that GitHub said had not changed.
  public let unchangedPages: Int
  /// Requests to GitHub.
  public let requests: Int
  /// At GitHub.
  public let runners: Int
  /// Whether the list did not change while it was read.
  public let isComplete: Bool
  /// What was stored, or would be in a dry run.
  public let changes: [SyncPlan.Change]
  /// Runners that nobody provisioned here, seen for the first time.
  public let unmanaged: [ListedRunner]
}

/// How a sync ended.
public enum SyncOutcome: Sendable {
  /// Every page was read, and what followed from them is stored, unless it was a dry run.
  case done(SyncReport)
  /// GitHub was not asked, or not to the end: why, and in how many seconds it makes sense again, where that is known.
  case paused(reason: String, retryAfter: Int?)
}
