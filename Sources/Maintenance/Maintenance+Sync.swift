import GitHub
import Runners
import Storage

extension Maintenance {
  /// How many runners that the list lacks are asked for by their own id in one sync.
  private static let maximumLooks = 100
  /// Of a hundred runners each; many times what GitHub lets an organization have.
  private static let maximumPages = 1000
  /// In seconds: how long GitHub's list may show a runner that has been removed.
  static let settlingTime = 60

  /// GitHub's list as it was read.
  private struct Reading {
    var list = RunnerList()
    var urls: [String] = []
    /// Those that are new or have changed.
    var pagesToSave: [StoredRunnerPage] = []
    var requests: Int { urls.count }
  }

  /// What a sync found out.
  private struct Findings {
    var changes: [EvidencedChange] = []
    var unmanaged: [ListedRunner] = []
    /// Ids here of runners that a complete list lacked for the first time.
    var absent: [String] = []
    /// Ids here of runners that are there again.
    var present: [String] = []
    var looks = 0
  }

  /// Reads GitHub's whole list of runners and makes what is known here agree with it. Changes nothing unless every page
  /// was read; with `isDryRun` nothing at all.
  ///
  /// Throws `GitHubError` and `StorageError`.
  public func sync(isDryRun: Bool = false) throws -> SyncOutcome {
    try database.checkSchema()
    do {
      let installation = try installation()
      if installation.state != .active, !isDryRun { try checkInstallation() }
      return .done(try fullSync(number: installation.lastSync + 1, isDryRun: isDryRun))
    } catch let paused as Paused {
      return .paused(reason: paused.description, retryAfter: paused.retryAfter)
    } catch {
      if !isDryRun { try reconsiderInstallation(after: error) }
      throw error
    }
  }

  private func installation() throws -> Installation {
    try database.read { try $0.installations.installation(id: options.installationID) }
  }

  private func fullSync(number: Int64, isDryRun: Bool) throws -> SyncReport {
    let start = Timestamp(now())
    let reading = try readList()
    let findings = try findings(reading.list, number: number, startedAt: start)
    var changes = findings.changes.map(\.change)
    var unmanaged = findings.unmanaged
    if !isDryRun {
      changes = try apply(findings.changes)
      try noteAbsence(findings, number: number)
      unmanaged = try report(findings.unmanaged, sync: number)
    }
    let report = SyncReport(
      number: number, pages: reading.urls.count,
      unchangedPages: reading.urls.count - reading.pagesToSave.count,
      requests: reading.requests + findings.looks, runners: reading.list.count,
      isComplete: reading.list.isComplete, changes: changes, unmanaged: unmanaged)
    if !isDryRun { try complete(report, reading) }
    return report
  }

  // MARK: - Reading

  private func readList() throws -> Reading {
    var reading = Reading()
    var url: String? = github.firstRunnerPageURL
    while let next = url {
      try checkMayAsk(for: .sync)
      guard !reading.urls.contains(next), reading.urls.count < Self.maximumPages else {
        throw GitHubError.unreadableAnswer("the list of runners has no end")
      }
      url = try readPage(at: next, &reading)
    }
    return reading
  }

  /// Returns the next page's URL.
  private func readPage(at url: String, _ reading: inout Reading) throws -> String? {
    let known = try database.read {
      try $0.runnerPages.page(url: url, organization: options.organization)
    }
    reading.urls.append(url)
    guard let answer = try github.runnerPage(at: url, unlessTagged: known?.etag) else {
      // An answer without a page comes only for a tag that was sent.
      guard let known else { throw GitHubError.unreadableAnswer("a page is missing") }
      reading.list.add(known.page)
      return known.nextURL
    }
    let page = RunnerList.Page(
      totalCount: answer.totalCount, runners: answer.runners.map(ListedRunner.init),
      requestID: answer.requestID)
    reading.list.add(page)
    // A page without a tag is saved under none that GitHub could know.
    reading.pagesToSave.append(
      StoredRunnerPage(url: url, etag: answer.etag ?? "", nextURL: answer.nextURL, page: page))
    return answer.nextURL
  }

  // MARK: - Deciding

  private func findings(
    _ list: RunnerList, number: Int64, startedAt start: Timestamp
  ) throws -> Findings {
    let organization = options.organization
    let (rows, deleted, absentSince, reported) = try database.read { transaction in
      let runners = transaction.runners
      return (
        try runners.allLive(organization: organization),
        try runners.deleted(
          since: start.adding(seconds: -Self.settlingTime), organization: organization),
        try runners.absentSince(organization: organization),
        try transaction.unmanagedRunners.ids(organization: organization)
      )
    }
    let plan = SyncPlan(
      rows: rows, deleted: deleted, list: list, startedAt: start, now: Timestamp(now()))
    var findings = Findings()
    findings.changes = plan.changes.map { change in
      var evidence: [String: AuditEvent.Value] = ["sync": .number(number)]
      evidence["github_request_id"] = change.after.githubRunnerID
        .flatMap { list.requestID(ofRunner: $0) }.map { .text($0) }
      return EvidencedChange(change: change, evidence: evidence)
    }
    findings.present = absentSince.keys.filter(plan.present.contains).sorted()
    if options.unmanagedRunners != .ignore {
      findings.unmanaged = plan.unmanaged.filter { !reported.contains($0.id) }
    }
    for row in plan.missing {
      try judge(
        row, absentSince: absentSince[row.id], isComplete: list.isComplete, number: number,
        startedAt: start, &findings)
    }
    return findings
  }

  /// What becomes of a runner that the list lacks: it is gone if the complete list before lacked it too, or if GitHub does
  /// not know it when asked for it alone.
  private func judge(
    _ row: Runner, absentSince: Int64?, isComplete: Bool, number: Int64,
    startedAt start: Timestamp, _ findings: inout Findings
  ) throws {
    var evidence: [String: AuditEvent.Value] = ["sync": .number(number)]
    let change: SyncPlan.Change
    if isComplete, let absentSince, absentSince < number {
      evidence["absent_since_sync"] = .number(absentSince)
      change = SyncPlan.Change(
        from: row, to: row.observed(.absent(lookedAt: start), at: Timestamp(now())))
    } else if findings.looks < Self.maximumLooks {
      findings.looks += 1
      try checkMayAsk(for: .sync)
      let found = try lookAndCompare(row)
      change = found.change
      evidence.merge(found.evidence) { own, _ in own }
      evidence["found"] = .flag(
        change.after.status != .deleted && change.after.githubRunnerID != nil)
    } else {
      if isComplete, absentSince == nil { findings.absent.append(row.id) }
      return
    }
    guard change.before != change.after else { return }
    findings.changes.append(EvidencedChange(change: change, evidence: evidence))
  }

  // MARK: - Keeping

  private func noteAbsence(_ findings: Findings, number: Int64) throws {
    let notes =
      findings.absent.map { ($0, Int64?.some(number)) } + findings.present.map { ($0, nil) }
    try forEachBatch(of: notes) { batch in
      try database.write { transaction in
        for (id, sync) in batch {
          try transaction.runners.noteAbsence(ofRunner: id, sinceSync: sync)
        }
      }
    }
  }

  /// The pages are kept together with the sync's number: a sync that was cut off has to look at them again.
  private func complete(_ report: SyncReport, _ reading: Reading) throws {
    let organization = options.organization
    try audited { transaction, record in
      for page in reading.pagesToSave {
        try transaction.runnerPages.save(page, organization: organization)
      }
      try transaction.runnerPages.removeAll(except: reading.urls, organization: organization)
      if report.isComplete {
        let known = try transaction.unmanagedRunners.ids(organization: organization)
        for id in known.subtracting(reading.list.ids) {
          try transaction.unmanagedRunners.remove(id: id, organization: organization)
        }
      }
      _ = try transaction.installations.completeSync(
        ofInstallation: options.installationID, runners: report.runners)
      try record(AuditEvent(.sync, actor: actor, data: report.auditData))
    }
  }
}

extension SyncReport {
  fileprivate var auditData: [String: AuditEvent.Value] {
    [
      "sync": .number(number), "pages": .number(Int64(pages)),
      "unchanged_pages": .number(Int64(unchangedPages)), "requests": .number(Int64(requests)),
      "runners": .number(Int64(runners)), "complete": .flag(isComplete),
      "changes": .number(Int64(changes.count)), "unmanaged": .number(Int64(unmanaged.count)),
    ]
  }
}
