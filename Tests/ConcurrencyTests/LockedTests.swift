import Concurrency
import Dispatch
import Testing

struct LockedTests {
  @Test func `no update is lost when eight threads count together`() {
    let counter = Locked(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<10_000 { counter.withLock { $0 += 1 } }
    }
    #expect(counter.withLock { $0 } == 80_000)
  }

  @Test func `an invariant between two values holds inside the lock`() {
    let pair = Locked((left: 0, right: 0))
    let violations = Locked(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<2_000 {
        let isWhole = pair.withLock { pair in
          pair.left += 1
          pair.right += 1
          return pair.left == pair.right
        }
        if !isWhole { violations.withLock { $0 += 1 } }
      }
    }
    #expect(violations.withLock { $0 } == 0)
    #expect(pair.withLock { $0.left } == 16_000)
  }

  @Test func `the lock is released when the body throws`() {
    struct Failure: Error {}
    let value = Locked(1)
    #expect(throws: Failure.self) { try value.withLock { _ in throw Failure() } }
    #expect(value.withLock { $0 } == 1)
  }
}
