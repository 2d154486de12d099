/// The part of a list that a request asks for, and the way to the others.
struct Page {
  private static let defaultSize = 30
  private static let maximumSize = 100
  private static let lastNumber = 1_000_000

  let number: Int
  let size: Int
  /// The query that goes into the links, without the page.
  private let query: String

  init(_ call: Call) {
    number = min(max(1, call.query("page").flatMap(Int.init) ?? 1), Self.lastNumber)
    let requested = call.query("per_page").flatMap(Int.init)
    size =
      requested.map { $0 > 0 ? min($0, Self.maximumSize) : Self.defaultSize }
      ?? Self.defaultSize
    let query = call.target.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
    self.query = query.split(separator: "&").filter { !$0.hasPrefix("page=") }
      .map { "\($0)&" }.joined()
  }

  func items<Item>(of list: [Item]) -> ArraySlice<Item> {
    list.dropFirst((number - 1) * size).prefix(size)
  }

  /// The value of a `Link` header; nil where everything is on one page.
  func links(total: Int, base: String) -> String? {
    let last = max(1, (total + size - 1) / size)
    guard last > 1 else { return nil }
    var links: [(page: Int, relation: String)] = []
    if number > 1 { links.append((min(number - 1, last), "prev")) }
    if number < last { links += [(number + 1, "next"), (last, "last")] }
    if number > 1 { links.append((1, "first")) }
    return links.map { #"<\#(base)?\#(query)page=\#($0.page)>; rel="\#($0.relation)""# }
      .joined(separator: ", ")
  }
}
