import Concurrency
import Foundation
import Testing

struct SingleFlightTests {
  private struct Failure: Error, Equatable {
    let number: Int
  }

  @Test func `callers at the same time share one execution`() {
    let flight = SingleFlight<Int, Failure>()
    let outcomes = runTogether(callers: 8, on: flight) { execution in execution }
    #expect(outcomes.executions == 1)
    #expect(outcomes.results == Array(repeating: .success(1), count: 8))
  }

  @Test func `callers at the same time share a failure`() {
    let flight = SingleFlight<Int, Failure>()
    let outcomes = runTogether(callers: 8, on: flight) { execution throws(Failure) -> Int in
      throw Failure(number: execution)
    }
    #expect(outcomes.executions == 1)
    #expect(outcomes.results == Array(repeating: .failure(Failure(number: 1)), count: 8))
  }

  @Test func `the next call runs again, after a success and after a failure`() throws {
    let flight = SingleFlight<Int, Failure>()
    #expect(try flight.run { 1 } == 1)
    #expect(throws: Failure(number: 2)) {
      try flight.run { () throws(Failure) -> Int in throw Failure(number: 2) }
    }
    #expect(try flight.run { 3 } == 3)
  }

  @Test func `a caller that comes between two flights gets the second one's outcome`() {
    let flight = SingleFlight<Int, Failure>()
    let starts = Locked(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<500 {
        let before = starts.withLock { $0 }
        let outcome = try? flight.run {
          starts.withLock {
            $0 += 1; return $0
          }
        }
        // Never the outcome of a flight that had ended before this call.
        if let outcome, outcome < before { Issue.record("\(outcome) is older than \(before)") }
      }
    }
    #expect(starts.withLock { $0 } > 0)
  }

  /// Calls `run` from threads of their own; the work does not end before every thread is about to call or waits.
  private func runTogether(
    callers: Int, on flight: SingleFlight<Int, Failure>,
    work: @escaping @Sendable (Int) throws(Failure) -> Int
  ) -> (executions: Int, results: [Result<Int, Failure>]) {
    let executions = Locked(0)
    let arrived = Locked(0)
    let results = Locked<[Result<Int, Failure>]>([])
    let group = DispatchGroup()
    for _ in 0..<callers {
      group.enter()
      Thread.detachNewThread {
        arrived.withLock { $0 += 1 }
        let result = Result { () throws(Failure) -> Int in
          try flight.run { () throws(Failure) -> Int in
            let execution = executions.withLock {
              $0 += 1; return $0
            }
            while arrived.withLock({ $0 }) < callers { usleep(1000) }
            // The last one to arrive still has a few instructions to go.
            usleep(200_000)
            return try work(execution)
          }
        }
        results.withLock { $0.append(result) }
        group.leave()
      }
    }
    group.wait()
    return (executions.withLock { $0 }, results.withLock { $0 })
  }
}
