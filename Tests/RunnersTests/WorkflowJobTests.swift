import Runners
import Testing

@Suite struct WorkflowJobTests {
  static let start = Timestamp(milliseconds: 1_795_000_000_000)

  static func at(_ seconds: Int) -> Timestamp { start.adding(seconds: seconds) }

  static func runner(
    _ status: RunnerStatus = .pending, id: Int64? = nil, isBusy: Bool = false,
    isEphemeral: Bool = true, isIssued: Bool = true, updated: Int = 0
  ) throws -> Runner {
    Runner(
      id: "1", name: try #require(RunnerName("ci-1")), organization: "o", status: status,
      busy: isBusy, githubRunnerID: id, runnerGroupID: 1, labels: [], ephemeral: isEphemeral,
      disableUpdate: false, provisioning: .jit,
      owner: Principal(issuer: "i", subject: "s", identity: "s", isAdmin: false),
      isIssued: isIssued, pendingUntil: at(3600), createdAt: start, updatedAt: at(updated),
      registeredAt: nil, deletedAt: nil, deletionReason: nil,
      verifiedAt: status == .pending ? nil : start)
  }

  static func job(
    _ action: WorkflowJob.Action, _ id: Int64 = 1, runner: Int64 = 7, name: String = "ci-1",
    at seconds: Int? = 10
  ) -> WorkflowJob {
    WorkflowJob(
      id: id, action: action, githubRunnerID: runner, runnerName: name,
      happenedAt: seconds.map(at))
  }

  static func delivery(
    _ action: WorkflowJob.Action, _ job: Int64, at seconds: Int
  ) throws -> ProcessedDelivery {
    ProcessedDelivery(
      id: try #require(DeliveryID("72d3162e-cc78-11e3-81ab-4c9367dc0958")), event: "workflow_job",
      action: action.rawValue, subject: job, runnerID: "1", happenedAt: at(seconds))
  }

  @Test(
    arguments: [
      // By id, once that is known, and then the name must be right too.
      (RunnerStatus.active, Int64?(7), true, Int64(7), "ci-1", true),
      (.active, 7, true, 7, "CI-1", true), (.active, 7, true, 8, "ci-1", false),
      (.active, 7, true, 7, "GitHub Actions 7", false), (.offline, 7, true, 7, "ci-1", true),
      (.pending, 7, true, 7, "ci-1", true), (.pending, 7, true, 8, "ci-1", false),
      // By name, as long as nobody can know the id.
      (.pending, nil, true, 9, "ci-1", true), (.active, nil, true, 9, "CI-1", true),
      (.active, nil, true, 9, "ci-2", false), (.pending, nil, true, 9, "ci-2", false),
      (.pending, nil, false, 9, "ci-1", false), (.deleted, 7, true, 7, "ci-1", false),
    ])
  func `a job is a runner's by id and name, or by name while the id is unknown`(
    status: RunnerStatus, known: Int64?, isIssued: Bool, runner: Int64, name: String, isIts: Bool
  ) throws {
    let job = Self.job(.inProgress, runner: runner, name: name)
    let before = try Self.runner(status, id: known, isIssued: isIssued)
    #expect(before.has(job) == isIts)
    #expect((before.after(job, history: [], at: Self.at(11)) != before) == isIts)
  }

  @Test(arguments: [RunnerStatus.pending, .active, .offline])
  func `a runner with a job is online and busy`(status: RunnerStatus) throws {
    let before = try Self.runner(status, id: status == .pending ? nil : 7)
    let next = before.after(Self.job(.inProgress), history: [], at: Self.at(11))
    #expect(next.status == .active)
    #expect(next.busy)
    #expect(next.githubRunnerID == before.githubRunnerID, "no webhook binds a runner to an id")
    #expect(next.verifiedAt == before.verifiedAt)
    #expect(next.updatedAt == Self.at(11))
  }

  @Test(arguments: [true, false])
  func `a runner whose job has ended is idle, and an ephemeral one is looked at again`(
    isEphemeral: Bool
  ) throws {
    let before = try Self.runner(.active, id: 7, isBusy: true, isEphemeral: isEphemeral)
    let next = before.after(Self.job(.completed), history: [], at: Self.at(11))
    #expect(next.status == .active)
    #expect(!next.busy)
    #expect((next.verifiedAt == nil) == isEphemeral)
  }

  @Test(arguments: [Int64?.none, 7])
  func `a runner that has had its only job is to be looked at`(id: Int64?) throws {
    let next = try Self.runner(id: id).after(Self.job(.completed), history: [], at: Self.at(11))
    #expect(next.githubRunnerID == id)
    #expect(next.status == .active)
    #expect(next.registeredAt == id.map { _ in Self.at(11) })
    #expect(next.verifiedAt == nil)
    #expect(!next.busy)
  }

  @Test func `the beginning of a job that is over does not make a runner busy`() throws {
    let idle = try Self.runner(.active, id: 7, isEphemeral: false)
    let over = try Self.delivery(.completed, 1, at: 20)
    #expect(idle.after(Self.job(.inProgress), history: [over], at: Self.at(21)) == idle)
    let pending = try Self.runner().after(
      Self.job(.inProgress), history: [over], at: Self.at(21))
    #expect(pending.status == .active)
    #expect(!pending.busy)
    // Its twin: that another job is over says nothing.
    let other = try Self.delivery(.completed, 2, at: 5)
    #expect(idle.after(Self.job(.inProgress), history: [other], at: Self.at(21)).busy)
  }

  @Test func `the end of a job does not free a runner that has begun another`() throws {
    let busy = try Self.runner(.active, id: 7, isBusy: true, isEphemeral: false)
    let next = try Self.delivery(.inProgress, 2, at: 12)
    #expect(busy.after(Self.job(.completed), history: [next], at: Self.at(13)) == busy)
    let previous = try Self.delivery(.inProgress, 0, at: 5)
    let own = try Self.delivery(.inProgress, 1, at: 10)
    let history = [own, previous]
    #expect(!busy.after(Self.job(.completed), history: history, at: Self.at(13)).busy)
  }

  @Test(arguments: [(70, true), (71, false)])
  func `what began a minute before the last look is not news`(
    updated: Int, isNews: Bool
  ) throws {
    let offline = try Self.runner(.offline, id: 7, updated: updated)
    let next = offline.after(Self.job(.inProgress), history: [], at: Self.at(100))
    #expect((next != offline) == isNews)
    let pending = try Self.runner(updated: updated)
    #expect(pending.after(Self.job(.inProgress), history: [], at: Self.at(100)).busy)
    #expect(offline.after(Self.job(.inProgress, at: nil), history: [], at: Self.at(100)).busy)
  }

  @Test func `whatever has happened already changes nothing`() throws {
    let busy = try Self.runner(.active, id: 7, isBusy: true)
    var seen = busy
    seen.registeredAt = Self.start
    #expect(seen.after(Self.job(.inProgress), history: [], at: Self.at(11)) == seen)
    let idle = try Self.runner(.active, id: 7, isEphemeral: false)
    #expect(idle.after(Self.job(.completed), history: [], at: Self.at(11)) == idle)
  }
}

@Suite struct InstallationEventTests {
  typealias Action = InstallationEvent.Action

  private func delivery(_ action: Action, at seconds: Int) throws -> ProcessedDelivery {
    ProcessedDelivery(
      id: try #require(DeliveryID("72d3162e-cc78-11e3-81ab-4c9367dc0958")), event: "installation",
      action: action.rawValue, subject: 1, happenedAt: WorkflowJobTests.at(seconds))
  }

  private func state(
    _ action: Action, at seconds: Int?, after history: [ProcessedDelivery]
  ) -> Installation.State? {
    InstallationEvent(
      installationID: 1, action: action, happenedAt: seconds.map(WorkflowJobTests.at)
    ).state(history: history)
  }

  @Test(
    arguments: [
      (Action.suspend, Installation.State.suspended), (.unsuspend, .active), (.deleted, .deleted),
    ])
  func `the first that is heard of an installation is believed`(
    action: Action, expected: Installation.State
  ) {
    #expect(state(action, at: 10, after: []) == expected)
    #expect(state(action, at: nil, after: []) == expected)
  }

  @Test(
    arguments: [
      // The end of a suspension may bear the time of its beginning.
      (Action.suspend, 10, Action.unsuspend, 10, false), (.suspend, 10, .unsuspend, 11, false),
      (.suspend, 10, .unsuspend, 9, true), (.suspend, 10, .suspend, 9, true),
      (.unsuspend, 10, .suspend, 10, true), (.unsuspend, 10, .suspend, 9, true),
      (.unsuspend, 10, .suspend, 11, false), (.suspend, 10, .deleted, 1, false),
      (.unsuspend, 10, .deleted, 1, false), (.deleted, 10, .unsuspend, 99, true),
    ])
  func `what came to pass later holds, in whatever order it is told`(
    action: Action, time: Int, known: Action, knownTime: Int, isNews: Bool
  ) throws {
    let history = [try delivery(known, at: knownTime)]
    #expect((state(action, at: time, after: history) != nil) == isNews)
  }
}

@Suite struct DeliveryIDTests {
  @Test(
    arguments: [
      ("72d3162e-cc78-11e3-81ab-4c9367dc0958", true),
      ("72D3162E-CC78-11E3-81AB-4C9367DC0958", true), ("", false), ("1", false),
      ("72d3162ecc7811e381ab4c9367dc0958", false),
      ("{72d3162e-cc78-11e3-81ab-4c9367dc0958}", false),
      ("72d3162e-cc78-11e3-81ab-4c9367dc095g", false),
      ("72d3162e-cc78-11e3-81ab-4c9367dc0958 ", false),
      ("72d3162e-cc78-11e3-81ab-4c9367dc0958-", false),
    ])
  func `a delivery's id is a GUID, and has one spelling`(text: String, isValid: Bool) {
    let id = DeliveryID(text)
    #expect((id != nil) == isValid)
    #expect(id.map { $0.description == text.lowercased() } ?? true)
  }
}
