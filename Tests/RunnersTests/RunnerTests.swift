import Foundation
import Runners
import Testing

@Suite struct RunnerNameTests {
  @Test(arguments: ["a", "ci-1", "CI_1.x", "_-", "...", String(repeating: "a", count: 64)])
  func `a name of allowed characters is accepted`(text: String) {
    #expect(RunnerName(text)?.description == text)
  }

  @Test(arguments: [
    "", " ", "a b", "a/b", "a%2f", "é", "а", "a\n", "a\u{0}", ".", "..", "-", "--ephemeral", "a'b",
    "$(x)",
    String(repeating: "a", count: 65),
  ])
  func `any other name is refused`(text: String) {
    #expect(RunnerName(text) == nil)
  }

  @Test func `a generated name has the prefix and six hex digits`() throws {
    var generator = SystemRandomNumberGenerator()
    let prefix = try #require(RunnerNamePrefix(String(repeating: "p", count: 57)))
    for _ in 0..<100 {
      let name = try #require(prefix.makeName(using: &generator)).description
      #expect(name.utf8.count == 64)
      #expect(name.wholeMatch(of: /p{57}-[0-9a-f]{6}/) != nil)
    }
  }

  @Test func `a prefix that leaves no room is refused`() {
    #expect(RunnerNamePrefix(String(repeating: "p", count: 58)) == nil)
  }
}

@Suite struct LabelTests {
  @Test(arguments: ["gpu", "ubuntu-22.04", "cuda_12.4", String(repeating: "a", count: 256)])
  func `a label of allowed characters is accepted`(text: String) {
    #expect(Label(text)?.description == text)
  }

  @Test(arguments: [
    "", "a b", "a,b", "-x", "ｇｐｕ", "gpu\u{200B}", String(repeating: "a", count: 257),
  ])
  func `any other label is refused`(text: String) {
    #expect(Label(text) == nil)
  }

  @Test func `labels are equal whatever their case, and the first spelling stays`() throws {
    let labels = ["GPU", "gpu", "cpu", "Gpu"].compactMap(Label.init)
    #expect(Label.withoutDuplicates(labels).map(\.description) == ["GPU", "cpu"])
  }
}

@Suite struct TimestampTests {
  @Test(arguments: [
    ("2025-02-17T21:11:49.260-08:00", "2025-02-18T05:11:49.260Z"),
    ("2024-11-25T01:00:02Z", "2024-11-25T01:00:02.000Z"),
    ("2026-11-22T00:00:00.999Z", "2026-11-22T00:00:00.999Z"),
  ])
  func `a time is read in any offset and written in UTC with milliseconds`(
    text: String, expected: String
  ) throws {
    #expect(try #require(Timestamp(text)).description == expected)
  }

  @Test(arguments: ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-22"])
  func `other text is no time`(text: String) {
    #expect(Timestamp(text) == nil)
  }
}

@Suite struct ObservationTests {
  static let created = Timestamp(milliseconds: 1_000_000)

  func runner(
    _ status: RunnerStatus = .pending, githubRunnerID: Int64? = nil, isIssued: Bool = true,
    provisioning: Provisioning = .registrationToken
  ) throws -> Runner {
    Runner(
      id: "1", name: try #require(RunnerName("ci-1")), organization: "o", status: status,
      busy: false, githubRunnerID: githubRunnerID, runnerGroupID: 1, labels: [], ephemeral: true,
      disableUpdate: false, provisioning: provisioning,
      owner: Principal(issuer: "i", subject: "s", identity: "s", isAdmin: false),
      isIssued: isIssued, pendingUntil: Self.created.adding(seconds: 60),
      createdAt: Self.created, updatedAt: Self.created, registeredAt: nil, deletedAt: nil,
      deletionReason: nil)
  }

  let soon = created.adding(seconds: 10)
  /// A minute and a moment after the expiry.
  let late = created.adding(seconds: 121)

  @Test func `a runner that is online is active`() throws {
    let seen = try runner().observed(
      .present(githubRunnerID: 5, isOnline: true, isBusy: true), at: soon)
    #expect(seen.status == .active)
    #expect(seen.busy)
    #expect(seen.githubRunnerID == 5)
    #expect(seen.registeredAt == soon)
  }

  @Test func `a runner that is not connected is offline`() throws {
    let seen = try runner(.active, githubRunnerID: 5).observed(
      .present(githubRunnerID: 5, isOnline: false, isBusy: false), at: soon)
    #expect(seen.status == .offline)
  }

  @Test func `a runner that was never there stays pending while its token is valid`() throws {
    #expect(try runner().observed(.absent(lookedAt: soon), at: soon) == runner())
  }

  @Test func `a runner whose token expired unused is deleted`() throws {
    let seen = try runner().observed(.absent(lookedAt: late), at: late)
    #expect(seen.deletionReason == .neverRegistered)
    #expect(seen.deletedAt == late)
  }

  @Test(arguments: [(60, false), (120, false), (121, true)])
  func `what expired less than a minute before the look began may still turn up`(
    seconds: Int, isOver: Bool
  ) throws {
    let lookedAt = Self.created.adding(seconds: seconds)
    let seen = try runner().observed(.absent(lookedAt: lookedAt), at: late.adding(seconds: 600))
    #expect((seen.status == .deleted) == isOver)
    // Nobody has anything of a reservation.
    let reserved = try runner(isIssued: false)
    #expect(
      (reserved.observed(.absent(lookedAt: lookedAt), at: late).status == .deleted)
        == (seconds > 60))
  }

  @Test func `one of which only a webhook told is pending again where GitHub has none`() throws {
    var told = try runner(.active)
    told.busy = true
    let seen = told.observed(.absent(lookedAt: soon), at: soon)
    #expect(seen.status == .pending)
    #expect(!seen.busy)
    #expect(told.observed(.absent(lookedAt: late), at: late).deletionReason == .neverRegistered)
  }

  @Test func `a reservation that was never issued is deleted as such`() throws {
    #expect(
      try runner(isIssued: false).observed(.absent(lookedAt: late), at: late).deletionReason
        == .reservationExpired)
  }

  @Test(arguments: [RunnerStatus.active, .offline])
  func `a runner that GitHub lost is deleted`(status: RunnerStatus) throws {
    let seen = try runner(status, githubRunnerID: 5).observed(.absent(lookedAt: soon), at: soon)
    #expect(seen.status == .deleted)
    #expect(seen.deletionReason == .goneAtGitHub)
  }

  @Test func `a deleted runner stays deleted`() throws {
    var gone = try runner()
    gone.delete(for: .requested, at: soon)
    let seen = gone.observed(.present(githubRunnerID: 5, isOnline: true, isBusy: false), at: late)
    #expect(seen == gone)
  }

  private func jitRunner() throws -> Runner { try runner(githubRunnerID: 5, provisioning: .jit) }

  private static let offline = Observation.present(
    githubRunnerID: 5, isOnline: false, isBusy: false)

  @Test func `a JIT runner is pending until it connects, though GitHub shows it at once`() throws {
    #expect(try jitRunner().observed(Self.offline, at: soon) == jitRunner())
    let seen = try jitRunner().observed(
      .present(githubRunnerID: 5, isOnline: true, isBusy: false), at: soon)
    #expect(seen.status == .active)
    #expect(seen.registeredAt == soon)
    #expect(seen.observed(Self.offline, at: soon).status == .offline)
  }

  @Test func `a JIT runner that died in its first job has connected`() throws {
    let seen = try jitRunner().observed(
      .present(githubRunnerID: 5, isOnline: false, isBusy: true), at: soon)
    #expect(seen.status == .offline)
    #expect(seen.registeredAt == soon)
  }

  @Test func `a JIT runner that did not connect within its hour is offline, and there`() throws {
    let seen = try jitRunner().observed(Self.offline, at: late)
    #expect(seen.status == .offline)
    #expect(seen.registeredAt == nil)
    #expect(seen.observed(Self.offline, at: late) == seen)
  }

  @Test func `a JIT runner that GitHub lost before it connected is gone`() throws {
    #expect(
      try jitRunner().observed(.absent(lookedAt: soon), at: soon).deletionReason == .goneAtGitHub)
  }
}

@Suite struct WorkFolderTests {
  @Test(arguments: [
    "_work", "a", "a/b", "a/-b", "..a", "a..b/c", ".hidden", String(repeating: "a", count: 255),
  ])
  func `a path below the runner's directory is accepted`(text: String) {
    #expect(WorkFolder(text)?.description == text)
  }

  @Test(arguments: [
    "", "/", "/etc", "..", "../x", "a/..", "a/../b", "-a", "--work", "a b", "a\\b", "a\n", "é",
    "a'",
    "$(x)", "a\u{0}", String(repeating: "a", count: 256),
  ])
  func `any other path is refused`(text: String) {
    #expect(WorkFolder(text) == nil)
  }
}
