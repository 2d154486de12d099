/// GitHub's list of an organization's runners, put together from all of its pages.
public struct RunnerList: Sendable {
  /// A page as it was read.
  public struct Page: Sendable, Equatable {
    /// Of the whole list, as this page has it.
    public let totalCount: Int
    /// In GitHub's order.
    public let runners: [ListedRunner]
    /// What GitHub calls the request that answered with the page; nil for a page that has not changed since.
    public let requestID: String?

    public init(totalCount: Int, runners: [ListedRunner], requestID: String? = nil) {
      self.totalCount = totalCount
      self.runners = runners
      self.requestID = requestID
    }
  }

  private var byID: [Int64: ListedRunner] = [:]
  private var idsByName: [String: Int64] = [:]
  private var pageNumbers: [Int64: Int] = [:]
  private var requestIDs: [String?] = []
  private var totalCounts: Set<Int> = []

  /// Of these pages, in the order in which they were read.
  public init(_ pages: [Page] = []) {
    for page in pages { add(page) }
  }

  /// Adds the next page. A runner that an earlier page had as well is taken as this page shows it.
  public mutating func add(_ page: Page) {
    totalCounts.insert(page.totalCount)
    for runner in page.runners {
      byID[runner.id] = runner
      pageNumbers[runner.id] = requestIDs.count
      // GitHub's names are unique; a list that changed while it was read may have the old and the new runner of a name.
      let name = runner.name.lowercased()
      idsByName[name] = max(idsByName[name] ?? runner.id, runner.id)
    }
    requestIDs.append(page.requestID)
  }

  /// How many different runners the pages have.
  public var count: Int { byID.count }
  /// GitHub's ids of them, in no order.
  public var ids: some Collection<Int64> { byID.keys }
  /// In no order.
  public var runners: some Collection<ListedRunner> { byID.values }

  /// Whether what the list lacks was not there: all pages agree on how many runners there are, and so many are here. A list
  /// that changed while it was read shows some runners twice and others not at all.
  public var isComplete: Bool { totalCounts == [byID.count] }

  /// By GitHub's id.
  public func runner(id: Int64) -> ListedRunner? { byID[id] }

  /// Compared without regard to case.
  public func runner(name: RunnerName) -> ListedRunner? {
    idsByName[name.description.lowercased()].flatMap { byID[$0] }
  }

  /// What GitHub calls the request that showed this runner.
  public func requestID(ofRunner id: Int64) -> String? {
    pageNumbers[id].flatMap { requestIDs[$0] }
  }
}
