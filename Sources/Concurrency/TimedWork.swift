/// Pieces of work that must end within their time, so that a process that is stuck can be told from one that is busy.
public final class TimedWork: Sendable {
  private struct Piece {
    let name: String
    let deadline: ContinuousClock.Instant
  }

  private struct State {
    var pieces: [Int: Piece] = [:]
    var nextKey = 0
  }

  private let state = Locked(State())

  /// With no work under way.
  public init() {}

  /// Does `work`, which counts as stuck from the moment when it has taken longer than `limit` to the one when it ends.
  public func run<Result, Failure: Error>(
    _ name: String, within limit: Duration, _ work: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let deadline = ContinuousClock.now + limit
    let key = state.withLock { state in
      state.nextKey += 1
      state.pieces[state.nextKey] = Piece(name: name, deadline: deadline)
      return state.nextKey
    }
    defer { state.withLock { $0.pieces[key] = nil } }
    return try work()
  }

  /// The names of what is under way, sorted.
  public var underWay: [String] {
    state.withLock { $0.pieces.values.map(\.name) }.sorted()
  }

  /// The names of what should have come to its end by `now`, sorted.
  public func overdue(at now: ContinuousClock.Instant = .now) -> [String] {
    state.withLock { $0.pieces.values.filter { $0.deadline < now }.map(\.name) }.sorted()
  }
}
