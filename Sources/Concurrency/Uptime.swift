/// A clock that nobody sets, for ages, pauses and deadlines.
public enum Uptime {
  /// Time since its first use in this process.
  public static let ofProcess: @Sendable () -> Duration = {
    let start = ContinuousClock.now
    return { ContinuousClock.now - start }
  }()
}
