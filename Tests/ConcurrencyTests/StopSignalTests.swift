import Concurrency
import Foundation
import Testing

@Suite struct StopSignalTests {
  @Test func `a thread that sleeps is woken to stop`() {
    let stop = StopSignal()
    #expect(!stop.isSet)
    Thread { stop.set() }.start()
    #expect(stop.wait(until: .now + .seconds(60)))
    #expect(stop.isSet)
  }

  @Test func `without the signal the sleep ends at its deadline`() {
    let stop = StopSignal()
    let deadline = ContinuousClock.now + .milliseconds(50)
    #expect(!stop.wait(until: deadline))
    #expect(ContinuousClock.now >= deadline)
  }
}
