import Foundation
import Runners
import Testing

@Suite struct AccessReviewTests {
  @Test func `the codes that blame nobody who asked are those of statuses from 500 on`() throws {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let table = try String(
      contentsOf: root.appending(path: "Sources/TokenService/Problem.swift"), encoding: .utf8)
    let rows = table.matches(of: /Problem\(\s*([1-9][0-9]{2}), "([A-Z_]+)"/)
    #expect(rows.count > 30)
    let faults = rows.filter { $0.1.hasPrefix("5") }.map { String($0.2) }
    #expect(Set(faults) == AccessReview.faultCodes)
  }
}
