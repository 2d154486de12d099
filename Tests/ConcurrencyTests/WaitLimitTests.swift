import Concurrency
import Testing

@Suite struct WaitLimitTests {
  private struct Full: Error {}

  @Test func `one more than the limit is refused, and let in once there is room`() throws {
    let limit = WaitLimit(1)
    try limit.run(orThrow: Full()) { () throws(Full) -> Void in
      #expect(throws: Full.self) { try limit.run(orThrow: Full()) { () throws(Full) -> Void in } }
    }
    #expect(try limit.run(orThrow: Full()) { () throws(Full) in 7 } == 7)
  }

  @Test func `without a refusal it says that there is no room, and whether there is`() {
    let limit = WaitLimit(2, within: WaitLimit(1))
    #expect(limit.hasRoom)
    let inner = limit.runIfRoom { () -> Int? in
      #expect(!limit.hasRoom)
      return limit.runIfRoom { 7 }
    }
    #expect(inner == .some(nil))
    let again = limit.runIfRoom { 7 }
    #expect(again == 7)
  }

  @Test func `work that fails leaves its place too`() throws {
    let limit = WaitLimit(1)
    for _ in 0..<3 {
      #expect(throws: Full.self) {
        try limit.run(orThrow: Full()) { () throws(Full) -> Void in throw Full() }
      }
    }
    try limit.run(orThrow: Full()) { () throws(Full) -> Void in }
  }

  @Test func `a limit within another holds to both`() throws {
    let outer = WaitLimit(1)
    let inner = WaitLimit(2, within: outer)
    try outer.run(orThrow: Full()) { () throws(Full) -> Void in
      #expect(throws: Full.self) { try inner.run(orThrow: Full()) { () throws(Full) -> Void in } }
    }
    try inner.run(orThrow: Full()) { () throws(Full) -> Void in }
  }
}
