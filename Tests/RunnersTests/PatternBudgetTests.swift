import Patterns
import Testing

@testable import Runners

@Suite struct PatternBudgetTests {
  private func label(_ text: String) throws -> Label { try #require(Label(text)) }

  @Test func `after so many undecided matches the rest is undecided without a look`() throws {
    var budget = PatternBudget()
    let hostile = try label(String(repeating: "a", count: 250) + "-")
    let slow = try LabelPattern("(a+)+$")
    let quick = try LabelPattern("gpu")
    for _ in 0..<PatternBudget.undecidedMatches {
      #expect(budget.match(quick, try label("gpu")) == .matches)
      #expect(budget.match(slow, hostile) == .limitExceeded)
    }
    #expect(budget.match(quick, try label("gpu")) == .limitExceeded)
  }

  @Test func `matches that are decided use nothing up`() throws {
    var budget = PatternBudget()
    let pattern = try LabelPattern("gpu")
    for _ in 0..<1000 {
      #expect(budget.match(pattern, try label("gpu")) == .matches)
      #expect(budget.match(pattern, try label("fpga")) == .differs)
    }
  }

  @Test func `a request that uses the budget up is denied`() throws {
    let patterns = try (0..<40).map {
      try LabelPattern("(a+)+\(String(repeating: "$", count: $0 + 1))")
    }
    let policy = ApplicablePolicy(
      stored: LabelPolicy(labelPatterns: patterns), claimed: nil, default: .deny,
      defaultMaximumRunners: nil)
    let labels = try (0..<50).map { try label(String(repeating: "a", count: 200 + $0) + "-") }
    let request = ProvisionRequest(
      name: .exactly(try #require(RunnerName("ci"))), labels: labels)
    let verdict = policy.verdict(
      on: request, kind: .registrationToken, liveRunners: 0, defaultRunnerGroupID: 1)
    #expect(!verdict.isAllowed)
    #expect(verdict.reasons.first == .labelsNotAllowed(labels))
  }
}
