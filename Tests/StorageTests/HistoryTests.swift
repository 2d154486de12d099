import CSQLite
import GRDB
import Runners
import TestSupport
import Testing

@testable import Storage

/// Rows are never removed: what a request costs must not depend on how many runners are gone, of the caller or of others.
/// Measured in steps of SQLite's machine, which are as many on every machine and each time.
@Suite struct HistoryTests {
  /// Half of them alice's: more than are counted for a list.
  private static let history = 2 * RunnerStore.countLimit + 1000

  private let directory: TemporaryDirectory
  private let queue: DatabaseQueue
  private let now: Timestamp

  init() throws {
    directory = try TemporaryDirectory()
    now = try #require(Timestamp("2026-02-01T00:00:00Z"))
    let path = directory.file("test.db")
    try Storage.Database.migrate(path: path, now: now)
    queue = try DatabaseQueue(path: path)
    // Older than what is gone: a walk from the newest on comes by all of that first.
    try add(0..<40, status: "active")
    try add(40..<Self.history, status: "deleted")
  }

  /// Runners of alice and bob in turn, each a second younger than the one before, with a record of the audit log.
  private func add(_ numbers: Range<Int>, status: String) throws {
    try queue.write { database in
      try database.execute(
        sql: """
          CREATE TEMP TABLE new AS
            WITH RECURSIVE numbers (i) AS (SELECT ? UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < ?)
            SELECT i, iif(i % 2, 'alice', 'bob') AS owner,
              strftime('%Y-%m-%dT%H:%M:%S.000Z', 1760000000 + i, 'unixepoch') AS time
            FROM numbers
          """, arguments: [numbers.lowerBound, numbers.upperBound])
      try database.execute(
        sql: """
          INSERT INTO runners (id, organization, name, status, github_runner_id, runner_group_id,
            labels, ephemeral, disable_update, provisioning, provisioned_by, issuer, subject,
            credential_sha256, pending_until, created_at, updated_at, verified_at, deleted_at,
            deletion_reason)
          SELECT 'runner-' || i, ?1, 'ci-' || i, ?2, i, 1, '["gpu"]', 1, 0, 'jit', owner, 'i', owner,
            'x', time, time, time, time, iif(?2 = 'deleted', time, NULL),
            iif(?2 = 'deleted', 'requested', NULL)
          FROM new
          """, arguments: [organization, status])
      try database.execute(
        sql: """
          INSERT INTO audit_log (id, timestamp, event_type, success, user_identity, runner_id,
            runner_name, prev_hash, hash)
          SELECT row_number() OVER () + (SELECT coalesce(max(id), 0) FROM audit_log), time,
            'provision', 1, owner, 'runner-' || i, 'ci-' || i, '', ''
          FROM new;
          DROP TABLE new
          """)
    }
  }

  /// How many steps it takes.
  private func steps(
    _ transaction: Transaction, _ body: (Transaction) throws -> Void
  ) rethrows -> Int {
    var count = 0
    try withUnsafeMutablePointer(to: &count) { count in
      let connection = transaction.database.sqliteConnection
      sqlite3_progress_handler(
        connection, 1,
        { count in
          count?.assumingMemoryBound(to: Int.self).pointee += 1
          return 0
        }, count)
      defer { sqlite3_progress_handler(connection, 0, nil, nil) }
      try body(transaction)
    }
    return count
  }

  private struct Request {
    let name: String
    /// How much it finds, so that it is what it is meant to be.
    let finds: Int
    let body: (Transaction) throws -> Int

    init(_ name: String, finds: Int, _ body: @escaping (Transaction) throws -> Int) {
      self.name = name
      self.finds = finds
      self.body = body
    }

    /// A page of a list.
    init(_ name: String, of owner: Principal?, _ filter: RunnerFilter, finds: Int = 10) {
      self.init(name, finds: finds) {
        try $0.runners.page(of: owner, organization: organization, matching: filter).runners.count
      }
    }

    init(_ name: String, _ filter: AuditLogFilter, finds: Int) {
      self.init(name, finds: finds) { try $0.auditLog.page(matching: filter).records.count }
    }
  }

  /// The steps of each, before there is as much history again, and afterwards.
  private func growth(of requests: [Request]) throws -> [(before: Int, after: Int)] {
    func measure() throws -> [Int] {
      try queue.inDatabase { database in
        try requests.map { request in
          try steps(Transaction(database: database, now: now)) {
            let found = try request.body($0)
            #expect(found == request.finds, "\(request.name)")
          }
        }
      }
    }
    let before = try measure()
    try add(Self.history..<2 * Self.history, status: "deleted")
    return Array(zip(before, try measure()).map { (before: $0, after: $1) })
  }

  private static var lists: [Request] {
    [
      Request("own", of: .alice, RunnerFilter(limit: 10)),
      Request("own live", of: .alice, RunnerFilter(isLive: true, limit: 10)),
      Request("own active", of: .alice, RunnerFilter(status: .active, limit: 10)),
      Request("own offline", of: .alice, RunnerFilter(status: .offline), finds: 0),
      Request("own gone", of: .alice, RunnerFilter(status: .deleted, limit: 10)),
      Request("a newcomer's", of: .newcomer, RunnerFilter(limit: 10), finds: 0),
      Request("all", of: nil, RunnerFilter(limit: 10)),
      Request("all active", of: nil, RunnerFilter(status: .active, limit: 10)),
      Request("all pending", of: nil, RunnerFilter(status: .pending), finds: 0),
      Request("all gone", of: nil, RunnerFilter(status: .deleted, limit: 10)),
      Request("one person's", of: nil, RunnerFilter(userIdentity: "bob", limit: 10)),
      Request(
        "one person's active", of: nil,
        RunnerFilter(status: .active, userIdentity: "bob", limit: 10)),
      Request("nobody's", of: nil, RunnerFilter(userIdentity: "eve"), finds: 0),
      Request("a walk through what is live", finds: 40) {
        try $0.runners.runners(
          organization: organization, matching: RunnerFilter(isLive: true), after: nil
        ).count
      },
      Request("audit log", AuditLogFilter(limit: 10), finds: 10),
      Request("one person's records", AuditLogFilter(userIdentity: "bob", limit: 10), finds: 10),
      Request("one runner's records", AuditLogFilter(runner: "ci-7"), finds: 1),
    ]
  }

  private static var single: [Request] {
    [
      Request("a name", finds: 1) {
        try $0.runners.live(named: seventh, organization: organization) == nil ? 0 : 1
      },
      Request("an id", finds: 1) { try $0.runners.runner(id: "runner-7") == nil ? 0 : 1 },
      Request("GitHub's id", finds: 1) {
        try $0.runners.runner(githubRunnerID: 7, organization: organization) == nil ? 0 : 1
      },
      Request("GitHub's id of a live one", finds: 1) {
        try $0.runners.live(githubRunnerID: 7, organization: organization) == nil ? 0 : 1
      },
      Request("what counts for a quota", finds: 20) {
        try $0.runners.countLive(of: .alice, organization: organization, now: $0.now)
      },
      Request("the same for an identity", finds: 20) {
        try $0.runners.countLive(ofIdentity: "bob", organization: organization, now: $0.now)
      },
      Request("unseen", finds: 0) {
        try $0.runners.unseen(of: .alice, organization: organization, now: $0.now, limit: 5).count
      },
      Request("unaccounted", finds: 0) {
        try $0.runners.unaccounted(named: seventh, organization: organization, since: $0.now).count
      },
      Request("a record of the audit log", finds: 1) {
        try $0.auditLog.append(AuditEvent(.sync, actor: .init())).id > 0 ? 1 : 0
      },
    ]
  }

  private static var maintenance: [Request] {
    [
      Request("live", finds: 40) { try $0.runners.allLive(organization: organization).count },
      Request("just deleted", finds: 0) {
        try $0.runners.deleted(since: $0.now, organization: organization).count
      },
      Request("absent", finds: 0) {
        try $0.runners.absentSince(organization: organization).count
      },
      Request("to verify", finds: 0) {
        try $0.runners.unverified(organization: organization, limit: 200).count
      },
      Request("to remove", finds: 0) {
        try $0.runners.toRemove(organization: organization, limit: 200).count
      },
      Request("expired", finds: 0) {
        try $0.runners.expiredReservations(
          organization: organization, now: $0.now, limit: 200
        ).count
      },
      Request("stale", finds: 0) {
        try $0.runners.offline(since: $0.now, organization: organization).count
      },
      Request("summary", finds: 40) {
        try $0.summary(organization: organization, installationID: 1).runners[.active] ?? 0
      },
    ]
  }

  /// To show that they would be noticed.
  private static var walks: [Request] {
    [
      Request("a count", finds: 0) {
        try $0.database.value(Int.self, sql: "SELECT count(*) FROM runners WHERE busy") ?? 0
      },
      Request("one owner's in the order of everybody's", finds: 0) {
        try $0.runners.fetch(
          """
          INDEXED BY runners_created WHERE organization = ? AND subject = 'newcomer'
          ORDER BY created_at DESC, id LIMIT 10
          """, [organization]
        ).count
      },
    ]
  }

  @Test func `what matches is counted no further than it is said to be`() throws {
    // A page that is full, the last one, and one behind it.
    for (offset, count) in [(0, 200), (10_400, 100), (1_000_000, 0)] {
      let page = try queue.inDatabase { database in
        try Transaction(database: database, now: now).runners.page(
          of: .alice, organization: organization,
          matching: RunnerFilter(limit: 200, offset: offset))
      }
      #expect(page.runners.count == count)
      #expect(page.total == RunnerStore.countLimit)
    }
  }

  @Test func `no request goes through the runners that are gone, and one that does is noticed`()
    throws
  {
    let requests = Self.lists + Self.single + Self.maintenance
    let all = requests + Self.walks
    for (index, steps) in try growth(of: all).enumerated() {
      #expect(
        (steps.after <= steps.before + steps.before / 5) == (index < requests.count),
        "\(all[index].name): \(steps.before) steps, then \(steps.after)")
    }
  }
}

private let organization = "demo-org"
private let seventh = RunnerName("CI-7")!

extension Principal {
  fileprivate static let newcomer = Principal(
    issuer: "i", subject: "newcomer", identity: "newcomer", isAdmin: false)
}
