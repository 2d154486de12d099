import Planted
import Testing

/// Pass without a sanitizer. With one, those that say so must fail.
struct PlantedTests {
  @Test func `race`() {
    #expect(Count(takesTurns: false).counted() > 0)
  }

  @Test func `turns`() {
    #expect(Count(takesTurns: true).counted() == 2000)
  }

  @Test func `after its end`() {
    _ = byte(afterItsEnd: true)
  }

  @Test func `before its end`() {
    #expect(byte(afterItsEnd: false) == 7)
  }
}
