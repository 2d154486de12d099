import Runners

/// An access review as one HTML page that needs nothing but itself: no script, no network.
struct AccessReviewPage {
  private let review: AccessReview
  private let tables: AccessReviewText
  private let now: Timestamp

  init(_ review: AccessReview, at now: Timestamp) {
    self.review = review
    self.now = now
    tables = AccessReviewText(review, at: now)
  }

  var html: String {
    let title = escaped("Access review: runners of \(review.organization)")
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(title)</title>
      <style>
      body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
      h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
      p.period { color: #57606a; }
      p.warning { border: 2px solid #cf222e; padding: .6rem 1rem; font-weight: 600; }
      ul.figures { display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; padding: 0; }
      ul.figures li { border: 1px solid #d0d7de; border-radius: 6px; padding: .6rem 1rem; min-width: 8rem; }
      ul.figures b { display: block; font-size: 1.6rem; }
      table { border-collapse: collapse; width: 100%; }
      th, td { border-bottom: 1px solid #d8dee4; padding: .3rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
      th { background: #f6f8fa; font-weight: 600; white-space: nowrap; }
      svg { width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; fill: #1b1f24; }
      svg rect { fill: #0969da; }
      @media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
      </style>
      </head>
      <body>
      <h1>\(title)</h1>
      <p class="period">From \(review.since) until before \(review.until); written at \(now).</p>
      \(tables.warning.map { "<p class=\"warning\">\(escaped($0))</p>" } ?? "")
      <ul class="figures">
      <li><b>\(review.provisioned.reduce(0) { $0 + $1.runners })</b> runners provisioned</li>
      <li><b>\(review.provisioned.count)</b> identities</li>
      <li><b>\(review.refused.reduce(0) { $0 + $1.count })</b> refusals</li>
      <li><b>\(review.faults.reduce(0) { $0 + $1.count })</b> failures at GitHub or here</li>
      <li><b>\(review.policyChanges.count)</b> policy changes</li>
      <li><b>\(review.liveRunners.count)</b> runners still there</li>
      </ul>
      \(section("Who provisioned runners", chart(review.provisioned.map { ($0.identity, $0.runners) }), AccessReviewText.provisionedTitles, tables.provisioned))
      \(section("Who was refused, and why", chart(refusalsByCode), AccessReviewText.refusedTitles, tables.refused))
      \(section("What failed at GitHub or here", "", AccessReviewText.refusedTitles, tables.faults))
      \(section("Label policies that changed", "", AccessReviewText.changeTitles, tables.changes))
      \(section("Runners that are still there", "", AccessReviewText.liveTitles, tables.live))
      </body>
      </html>

      """
  }

  private var refusalsByCode: [(String, Int)] {
    Dictionary(review.refused.map { ($0.errorCode, $0.count) }, uniquingKeysWith: +)
      .sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }

  private func section(
    _ title: String, _ chart: String, _ titles: [String], _ rows: [[String]]
  ) -> String {
    guard !rows.isEmpty else { return "<h2>\(title)</h2>\n<p>None.</p>" }
    let head = titles.map { "<th>\($0.prefix(1))\($0.dropFirst().lowercased())</th>" }.joined()
    let body = rows.map { row in
      "<tr>" + row.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>"
    }
    return """
      <h2>\(title)</h2>
      \(chart)
      <table>
      <thead><tr>\(head)</tr></thead>
      <tbody>
      \(body.joined(separator: "\n"))
      </tbody>
      </table>
      """
  }

  /// Horizontal bars, of the first fifteen.
  private func chart(_ bars: [(name: String, value: Int)]) -> String {
    let shown = bars.prefix(15)
    guard let largest = shown.map(\.value).max(), largest > 0 else { return "" }
    let lines = shown.enumerated().map { index, bar in
      let top = index * 26
      let width = max(2, bar.value * 520 / largest)
      return """
        <text x="250" y="\(top + 17)" text-anchor="end">\(escaped(shortened(bar.name)))</text>\
        <rect x="260" y="\(top + 4)" width="\(width)" height="18" rx="3"/>\
        <text x="\(260 + width + 8)" y="\(top + 17)">\(bar.value)</text>
        """
    }
    return """
      <svg viewBox="0 0 860 \(shown.count * 26)" role="img" aria-label="Bars: the table below in a picture">
      \(lines.joined(separator: "\n"))
      </svg>
      """
  }

  private func shortened(_ text: String) -> String {
    text.count > 34 ? text.prefix(33) + "…" : text
  }

  /// For text and for attributes in double quotes; what a reader would not see is written out.
  private func escaped(_ text: String) -> String {
    text.visible.replacing(scalars: [
      "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;",
    ])
  }
}
