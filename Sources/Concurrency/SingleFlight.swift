import Foundation

/// Lets one thread do a piece of work while the others that want the same wait for it and share its outcome,
/// success or failure: fifty requests that need the same key set make one fetch.
public final class SingleFlight<Value: Sendable, Failure: Error>: @unchecked Sendable {
  private final class Flight {
    var outcome: Result<Value, Failure>?
  }

  private let condition = NSCondition()
  private var current: Flight?

  /// With nothing under way.
  public init() {}

  /// Runs `work`, unless a call is under way: then waits for that one and returns or throws what it did.
  /// Nothing is remembered once the work has ended; how long `work` may take is its own affair.
  public func run(_ work: () throws(Failure) -> Value) throws(Failure) -> Value {
    condition.lock()
    if let flight = current {
      defer { condition.unlock() }
      while true {
        if let outcome = flight.outcome { return try outcome.get() }
        condition.wait()
      }
    }
    let flight = Flight()
    current = flight
    condition.unlock()

    let outcome = Result { () throws(Failure) -> Value in try work() }

    condition.lock()
    defer { condition.unlock() }
    flight.outcome = outcome
    current = nil
    condition.broadcast()
    return try outcome.get()
  }
}
