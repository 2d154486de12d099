import Concurrency
import Testing

@Suite struct TimedWorkTests {
  private struct Failure: Error {}

  @Test func `work is under way while it is done, and overdue after its time`() {
    let work = TimedWork()
    let start = ContinuousClock.now
    let answer = work.run("sync", within: .seconds(60)) {
      work.run("cleanup", within: .seconds(600)) {
        #expect(work.underWay == ["cleanup", "sync"])
        #expect(work.overdue(at: start + .seconds(59)).isEmpty)
        #expect(work.overdue(at: start + .seconds(120)) == ["sync"])
        #expect(work.overdue(at: start + .seconds(1200)) == ["cleanup", "sync"])
        return 1
      }
    }
    #expect(answer == 1)
    #expect(work.underWay.isEmpty)
    #expect(work.overdue(at: start + .seconds(1200)).isEmpty)
  }

  @Test func `work that fails has come to its end`() {
    let work = TimedWork()
    #expect(throws: Failure.self) {
      try work.run("sync", within: .zero) { () throws(Failure) in throw Failure() }
    }
    #expect(work.underWay.isEmpty)
  }

  @Test func `two pieces of one name are two`() {
    let work = TimedWork()
    work.run("sync", within: .seconds(1)) {
      work.run("sync", within: .seconds(1)) {}
      #expect(work.underWay == ["sync"])
    }
  }
}
