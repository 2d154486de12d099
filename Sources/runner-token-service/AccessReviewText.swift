import Runners

/// An access review as tables for people.
struct AccessReviewText {
  private let review: AccessReview
  private let now: Timestamp

  init(_ review: AccessReview, at now: Timestamp) {
    self.review = review
    self.now = now
  }

  var text: String {
    """
    Runners of \(review.organization), \(review.since) to \(review.until)
    \(warning.map { $0 + "\n" } ?? "")
    \(section("Provisioned", Self.provisionedTitles, provisioned))
    \(section("Refused", Self.refusedTitles, refused))
    \(section("Failed at GitHub or here", Self.refusedTitles, faults))
    \(section("Label policies changed", Self.changeTitles, changes))
    \(section("Still there", Self.liveTitles, live))
    """
  }

  /// What the reader must know who takes the figures for the whole.
  var warning: String? {
    review.incompleteBefore.map {
      "INCOMPLETE: records from before \($0) have been archived, and are not counted here."
    }
  }

  static let provisionedTitles = ["IDENTITY", "RUNNERS", "LAST", "LABELS"]
  static let refusedTitles = ["ERROR", "IDENTITY", "COUNT"]
  static let changeTitles = ["WHEN", "CHANGE", "POLICY OF", "BY"]
  static let liveTitles = ["RUNNER", "OWNER", "STATUS", "DAYS", "LABELS"]

  var provisioned: [[String]] {
    review.provisioned.map {
      [$0.identity, String($0.runners), $0.lastAt.description, $0.labels.joined(separator: ", ")]
    }
  }

  var refused: [[String]] {
    review.refused.map { [$0.errorCode, $0.identity, String($0.count)] }
  }

  var faults: [[String]] {
    review.faults.map { [$0.errorCode, $0.identity, String($0.count)] }
  }

  var changes: [[String]] {
    review.policyChanges.map { [$0.at.description, $0.kind.rawValue, $0.identity, $0.changedBy] }
  }

  var live: [[String]] {
    review.liveRunners.map {
      [
        $0.name, $0.identity, $0.status.rawValue, String($0.days(at: now)),
        $0.labels.joined(separator: ", "),
      ]
    }
  }

  private func section(_ title: String, _ titles: [String], _ rows: [[String]]) -> String {
    let table = Table(titles, maximumWidth: 60, for: rows)
    let lines = rows.isEmpty ? ["none"] : [table.header] + rows.map { table.line($0) }
    return ([Terminal.bold(title)] + lines).joined(separator: "\n") + "\n"
  }
}
