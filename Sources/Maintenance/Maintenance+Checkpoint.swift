import Logging
import Storage

extension Maintenance {
  /// From one line about a log that cannot be copied back to the next.
  private static let blockedLogInterval: Duration = .seconds(600)

  /// Copies the database's write-ahead log back if it has grown. Where that fails the log says so, once and then every ten
  /// minutes, and once when it is over: reads grow slow meanwhile, and the disk fills up.
  ///
  /// `told`: what the last call returned: when it was last said, nil if nothing is wrong.
  public func checkpoint(
    told: ContinuousClock.Instant?, at time: ContinuousClock.Instant = .now
  ) throws -> ContinuousClock.Instant? {
    report(try database.checkpointIfDue(), told: told, at: time)
  }

  func report(
    _ blocked: BlockedCheckpoint?, told: ContinuousClock.Instant?, at time: ContinuousClock.Instant
  ) -> ContinuousClock.Instant? {
    guard let blocked else {
      if told != nil { logger.notice("the database's write-ahead log is copied back again") }
      return nil
    }
    if let told, time - told < Self.blockedLogInterval { return told }
    logger.warning(
      "the database's write-ahead log cannot be copied back; end what has read the database for long",
      metadata: ["cause": "\(blocked.cause)", "log_bytes": "\(blocked.logSize)"])
    return time
  }
}
