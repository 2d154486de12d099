/// A table for people: columns are as wide as their widest cell, and no cell is wider than the table's limit.
struct Table {
  private static let gap = "  "

  private var widths: [Int]
  private let titles: [String]
  private let maximumWidth: Int

  /// `maximumWidth` is in characters; longer cells are cut off.
  init(_ titles: [String], maximumWidth: Int = .max) {
    self.titles = titles
    self.maximumWidth = maximumWidth
    widths = titles.map(\.count)
  }

  /// With room for these rows.
  init(_ titles: [String], maximumWidth: Int = .max, for rows: [[String]]) {
    self.init(titles, maximumWidth: maximumWidth)
    for row in rows { measure(row) }
  }

  /// Makes room for a row.
  mutating func measure(_ cells: [String]) {
    for (column, cell) in cells.enumerated() {
      widths[column] = max(widths[column], shortened(cell).count)
    }
  }

  var header: String { Terminal.bold(line(titles)) }

  /// A row on one line, which has no control characters of strangers in it.
  func line(_ cells: [String]) -> String {
    var line = ""
    for (cell, width) in zip(cells, widths) {
      let text = shortened(cell)
      line += text + String(repeating: " ", count: max(0, width - text.count)) + Self.gap
    }
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  private func shortened(_ cell: String) -> String {
    let text = cell.visible
    return text.count > maximumWidth ? text.prefix(maximumWidth - 1) + "…" : text
  }
}

extension Table {
  /// Writes a table of all rows that `walk` passes on. Walks twice, first for the widths of the columns, so that it need not
  /// hold them. Returns how many rows there were; without any it writes nothing.
  static func write(
    _ titles: [String], maximumWidth: Int, to output: OutputFile,
    walk: (_ pass: (_ cells: [String]) throws -> Void) throws -> Void
  ) throws -> Int {
    var table = Table(titles, maximumWidth: maximumWidth)
    var count = 0
    try walk { cells in
      table.measure(cells)
      count += 1
    }
    guard count > 0 else { return 0 }
    try output.write(table.header + "\n")
    try walk { try output.write(table.line($0) + "\n") }
    return count
  }
}
