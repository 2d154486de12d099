import Runners
import Testing

/// What follows from GitHub's list, rule by rule, each beside its honest twin.
@Suite struct SyncPlanTests {
  static let start = Timestamp(milliseconds: 1_800_000_000_000)
  static let now = start.adding(seconds: 30)

  static func row(
    _ name: String = "ci-1", status: RunnerStatus = .active, githubID: Int64? = 7,
    labels: [String] = ["gpu"], group: Int64 = 1, ephemeral: Bool = true, isIssued: Bool = true,
    pendingFor seconds: Int = 3600, updatedBefore age: Int = 60, verified: Bool = true,
    provisioning: Provisioning = .registrationToken, removal: DeletionReason? = nil
  ) -> Runner {
    let updated = start.adding(seconds: -age)
    return Runner(
      id: "id-\(name)", name: RunnerName(name)!, organization: "demo-org", status: status,
      busy: false, githubRunnerID: githubID, runnerGroupID: group,
      labels: labels.compactMap(Label.init), ephemeral: ephemeral, disableUpdate: false,
      provisioning: provisioning,
      owner: Principal(issuer: "i", subject: "s", identity: "alice", isAdmin: false),
      isIssued: isIssued, pendingUntil: start.adding(seconds: seconds), createdAt: updated,
      updatedAt: updated, registeredAt: githubID == nil ? nil : updated, deletedAt: nil,
      deletionReason: nil, verifiedAt: verified ? updated : nil,
      removal: removal.map { Removal(reason: $0, requestedAt: updated) })
  }

  static func listed(
    _ id: Int64 = 7, _ name: String = "ci-1", online: Bool = true, busy: Bool = false,
    labels: [String] = ["self-hosted", "Linux", "X64", "GPU"], group: Int64? = nil,
    ephemeral: Bool? = nil
  ) -> ListedRunner {
    ListedRunner(
      id: id, name: name, os: "Linux", isOnline: online, isBusy: busy, labels: labels,
      runnerGroupID: group, isEphemeral: ephemeral)
  }

  static func plan(_ rows: [Runner], _ runners: [ListedRunner], deleted: [Runner] = []) -> SyncPlan
  {
    SyncPlan(
      rows: rows, deleted: deleted,
      list: RunnerList([RunnerList.Page(totalCount: runners.count, runners: runners)]),
      startedAt: start, now: now)
  }

  // MARK: - The list

  @Test(arguments: [
    // Total counts of the pages, ids of the pages, whether it is complete.
    ([3, 3], [[1, 2], [3]], true),
    ([0], [[]], true),
    // A runner went while the list was read.
    ([3, 2], [[1, 2], [3]], false),
    // One slid to a page that had been read, one slid out of sight: the first two would count to three.
    ([3, 3], [[1, 2], [2]], false),
    ([4, 4], [[1, 2], [3]], false),
  ])
  func `a list proves absence only if all its pages agree`(
    totals: [Int], ids: [[Int64]], isComplete: Bool
  ) {
    let pages = zip(totals, ids).map { total, ids in
      RunnerList.Page(totalCount: total, runners: ids.map { Self.listed($0, "r-\($0)") })
    }
    #expect(RunnerList(pages).isComplete == isComplete)
  }

  // MARK: - Changes

  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let row: Runner
    let runners: [ListedRunner]
    var status: RunnerStatus?
    var isViolation = false
    var isMissing = false
  }

  @Test(arguments: [
    Case(testDescription: "as known", row: row(), runners: [listed()]),
    Case(
      testDescription: "offline", row: row(), runners: [listed(online: false)], status: .offline),
    Case(testDescription: "busy", row: row(), runners: [listed(busy: true)], status: .active),
    Case(
      testDescription: "first seen", row: row(status: .pending, githubID: nil, verified: false),
      runners: [listed(9, "CI-1")], status: .active),
    Case(
      testDescription: "told of by a webhook, and there", row: row(githubID: nil, verified: false),
      runners: [listed(9, "CI-1")], status: .active),
    Case(
      testDescription: "told of by a webhook, and not there",
      row: row(githubID: nil, verified: false), runners: [listed(9, "other")], isMissing: true),
    Case(
      testDescription: "the name taken with other labels",
      row: row(status: .pending, githubID: nil, verified: false),
      runners: [listed(9, labels: ["self-hosted", "prod"])], status: .active, isViolation: true),
    Case(
      testDescription: "labels replaced later", row: row(),
      runners: [listed(labels: ["self-hosted", "gpu", "prod"])], status: .active, isViolation: true
    ),
    Case(
      testDescription: "already to be removed", row: row(removal: .policyViolation),
      runners: [listed(labels: ["prod"])]),
    Case(
      testDescription: "a name without a token",
      row: row(
        status: .pending, githubID: nil, isIssued: false, pendingFor: -1, verified: false),
      runners: [listed(9)]),
    Case(
      testDescription: "GitHub's own runner of that name",
      row: row(status: .pending, githubID: nil, verified: false), runners: [listed(9, labels: [])]),
    Case(testDescription: "absent", row: row(), runners: [], isMissing: true),
    Case(
      testDescription: "another of its name", row: row(), runners: [listed(8)], isMissing: true),
    Case(testDescription: "absent, to be removed", row: row(removal: .stale), runners: []),
    Case(
      testDescription: "changed since the sync began", row: row(updatedBefore: 0), runners: []),
    Case(
      testDescription: "changed since, and there", row: row(updatedBefore: 0),
      runners: [listed(online: false)]),
    Case(
      testDescription: "not come yet", row: row(status: .pending, githubID: nil, verified: false),
      runners: []),
    Case(
      testDescription: "never came",
      row: row(status: .pending, githubID: nil, pendingFor: -61, verified: false), runners: [],
      isMissing: true),
    Case(
      testDescription: "its time ended while the list was read",
      row: row(status: .pending, githubID: nil, pendingFor: 10, verified: false), runners: []),
  ])
  func `each row follows the list`(_ test: Case) {
    let plan = Self.plan([test.row], test.runners)
    #expect(plan.changes.first?.after.status == test.status)
    #expect((plan.changes.first?.violation != nil) == test.isViolation)
    #expect(
      plan.changes.first?.after.removal?.reason == (test.isViolation ? .policyViolation : nil))
    #expect(plan.missing == (test.isMissing ? [test.row] : []))
  }

  // MARK: - What was granted

  @Test(
    arguments: [
      (row(), listed(labels: ["self-hosted", "linux", "ARM64", "gpu"]), nil),
      // JIT: lower case, and nothing but what was asked for.
      (
        row(labels: ["GPU", "Linux"], provisioning: .jit), listed(labels: ["self-hosted", "gpu"]),
        nil
      ),
      (row(), listed(labels: ["gpu", "gpu2"]), "+gpu2"),
      (row(), listed(labels: ["self-hosted"]), "-gpu"),
      (row(), listed(labels: ["gpu", "full build"]), "+full build"),
      // No system label, only something that begins like one.
      (row(), listed(labels: ["gpu", "linux-prod"]), "+linux-prod"),
      (row(), listed(group: 1, ephemeral: true), nil),
      (row(), listed(group: 5), "group 5"),
      (row(), listed(ephemeral: false), "stays"),
      (row(ephemeral: false), listed(ephemeral: true), nil),
      (row(ephemeral: false), listed(ephemeral: false), nil),
    ] as [(Runner, ListedRunner, String?)])
  func `labels, group and kind must be those that were granted`(
    runner: Runner, shown: ListedRunner, difference: String?
  ) {
    let violation = GrantViolation(of: shown, granted: runner)
    let text = violation.map { violation in
      (violation.extraLabels.map { "+" + $0 } + violation.missingLabels.map { "-" + $0 }
        + (violation.runnerGroupID.map { ["group \($0)"] } ?? [])
        + (violation.isNotEphemeral ? ["stays"] : [])).joined(separator: " ")
    }
    #expect(text == difference)
  }

  // MARK: - Unmanaged runners

  @Test func `a runner is unmanaged only if neither its id nor its name is known`() {
    let rows = [
      Self.row("known", githubID: 1),
      Self.row("reserved", status: .pending, githubID: nil, isIssued: false, verified: false),
    ]
    let plan = Self.plan(
      rows,
      [
        Self.listed(1, "renamed"), Self.listed(2, "Reserved"), Self.listed(3, "stranger"),
        Self.listed(4, "hosted", labels: []), Self.listed(5, "gone-just-now"),
      ], deleted: [Self.row("gone-just-now", githubID: 5)])
    #expect(plan.unmanaged.map(\.id) == [3])
  }

  // MARK: - Verification

  @Test(arguments: [
    // The group and kind that GitHub shows, whether it was asked for this one alone, and what follows.
    (Int64?.none, Bool?.none, false, false), (1, nil, false, false), (nil, true, false, false),
    (1, true, false, true), (nil, nil, true, true), (1, nil, true, true),
  ])
  func `a runner is verified once all that was granted is shown, or all that ever will be`(
    group: Int64?, ephemeral: Bool?, isAlone: Bool, isVerified: Bool
  ) {
    let listed = Self.listed(group: group, ephemeral: ephemeral)
    let (after, violation) = Self.row(verified: false).compared(
      with: listed, isAllThatIsShown: isAlone, at: Self.now)
    #expect(violation == nil)
    #expect((after.verifiedAt != nil) == isVerified)
    // What has been verified stays so.
    let verified = Self.row().compared(with: listed, at: Self.now).runner
    #expect(verified.verifiedAt != nil)
  }
}
