import Testing

@testable import Maintenance

@Suite struct BackoffTests {
  @Test(arguments: [
    // Failures in a row, interval, seconds to wait.
    (0, 300, 300), (1, 300, 20), (2, 300, 40), (5, 300, 300), (1000, 300, 300),
    (0, 20, 20), (1, 20, 20), (3, 20, 60), (1, 5, 5), (4, 5, 40), (9, 86_400, 5120),
  ])
  func `a task that fails waits longer each time`(failures: Int, interval: Int, seconds: Int) {
    #expect(Backoff.delay(afterFailures: failures, interval: interval) == seconds)
  }

  @Test(arguments: [(Int?.none, 0), (0, 0), (60, 60), (3600, 3600), (3601, 3600), (.max, 3600)])
  func `nobody can make a task wait for more than an hour`(retryAfter: Int?, seconds: Int) {
    #expect(Backoff.wait(asToldBy: retryAfter) == seconds)
  }
}
