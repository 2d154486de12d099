import CSQLite
import Foundation
import GRDB
import Migrations
public import Runners

/// The SQLite database, shared with other processes. Safe to use from any thread.
public final class Database: ReadableDatabase {
  let path: String
  private let pool: DatabasePool
  private let writeLock: FileLock
  private let checkpoint: Checkpoint
  private let groupCommit: GroupCommit
  private let now: @Sendable () -> Timestamp
  /// Held as long as the database is open; nil for whoever is about to replace it.
  private let use: DatabaseUse?

  /// Opens the database at `path`, which `migrate` has prepared.
  /// Throws `wrongSchema` if it is not the schema of this program, `databaseUnavailable` if it cannot be opened.
  public convenience init(
    path: String, now: @escaping @Sendable () -> Timestamp
  ) throws(StorageError) {
    try Self.checkThere(path)
    try self.init(path: path, use: try DatabaseUse(ofDatabaseAt: path), now: now)
  }

  private static func checkThere(_ path: String) throws(StorageError) {
    var status = stat()
    guard stat(path, &status) != 0 else { return }
    guard errno == ENOENT else {
      throw .databaseUnavailable("\(path): \(String(cString: strerror(errno)))")
    }
    throw .databaseUnavailable("\(path) does not exist; run `runner-token-service init-db`")
  }

  /// - Parameters:
  ///   - path: of the database's file.
  ///   - use: nil for somebody who has the database to themselves.
  ///   - now: the wall clock.
  init(
    path: String, use: DatabaseUse?, now: @escaping @Sendable () -> Timestamp
  ) throws(StorageError) {
    self.use = use
    self.path = path
    self.now = now
    writeLock = try FileLock(path: path + ".lock")
    checkpoint = try Checkpoint(databasePath: path)
    do {
      // Under the lock, because opening a pool writes where the write-ahead log is empty.
      pool = try writeLock.exclusive(until: .now + FileLock.patience) {
        try DatabasePool(path: path, configuration: Self.configuration())
      }
      groupCommit = GroupCommit(pool: pool, path: path, lock: writeLock, checkpoint: checkpoint)
      // Once more: the library lowers it to NORMAL for the connection that writes.
      try pool.writeWithoutTransaction { try $0.execute(sql: Self.durableCommits + Self.inMemory) }
      try pool.read { try SchemaVersion.check($0) }
    } catch {
      throw StorageError(error, at: path)
    }
  }

  /// Brings the database at `path` to the schema of this program, making it if it is absent. Processes that do so at the
  /// same time take turns. Returns the names of the migrations that it applied.
  ///
  /// Throws `databaseUnavailable` where it is absent, but part of it or one that was put aside is there.
  @discardableResult
  public static func migrate(path: String, now: Timestamp) throws(StorageError) -> [String] {
    // The file and its companions are for their owner only.
    let mask = umask(0o077)
    defer { umask(mask) }
    let use = try DatabaseUse(ofDatabaseAt: path)
    defer { withExtendedLifetime(use) {} }
    let lock = try FileLock(path: path + ".lock")
    do {
      return try lock.exclusive(until: .now + FileLock.patience) {
        try checkNothingRemains(path)
        let queue = try DatabaseQueue(path: path, configuration: configuration())
        try queue.writeWithoutTransaction { database in
          _ = try database.value(String.self, sql: "PRAGMA journal_mode = WAL")
        }
        let applied = try SchemaVersion.migrate(queue, now: now)
        // All of it into the database file, which by itself is then the whole database.
        try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        return applied
      }
    } catch {
      throw StorageError(error, at: path)
    }
  }

  private static func checkNothingRemains(_ path: String) throws(StorageError) {
    guard let remains = try DatabaseFiles(path: path).remains() else { return }
    throw .databaseUnavailable(
      "there is no \(path), but \(remains) is there: bring its database back by its former name or by `runner-token-service restore-db`; to begin anew, move it elsewhere"
    )
  }

  /// The names of the migrations that `migrate` would apply: all of them where there is no database yet. Throws
  /// `wrongSchema` for a database that it would refuse, and `databaseUnavailable` where it would not make one.
  public static func missingMigrations(
    ofDatabaseAt path: String
  ) throws(StorageError) -> [String] {
    guard access(path, F_OK) == 0 || errno != ENOENT else {
      try checkNothingRemains(path)
      return Migration.all.map(\.name)
    }
    let use = try DatabaseUse(ofDatabaseAt: path)
    defer { withExtendedLifetime(use) {} }
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration())
      return try queue.read { try SchemaVersion.missing(in: $0) }.map(\.name)
    } catch {
      throw StorageError(error, at: path)
    }
  }

  /// A commit that we told somebody of survives a power failure.
  private static let durableCommits = "PRAGMA synchronous = FULL;"

  /// What one write would have to undo stays in memory, however much it is: a full /tmp is no reason to fail.
  private static let inMemory = "PRAGMA temp_store = MEMORY;"

  static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { database in
      try database.run(sql: durableCommits)
      // Only `Checkpoint` checkpoints: SQLite before 3.51.3 can corrupt a WAL that two connections reset.
      try database.run(sql: "PRAGMA wal_autocheckpoint = 0")
      try database.run(sql: "PRAGMA mmap_size = 0")
      if let connection = database.sqliteConnection {
        shim_sqlite_no_checkpoint_on_close(UnsafeMutableRawPointer(connection))
      }
    }
    return configuration
  }

  /// Runs `body` on a snapshot.
  public func read<Result>(_ body: (Transaction) throws -> Result) throws -> Result {
    do {
      return try pool.read { try body(Transaction(database: $0, now: now())) }
    } catch let error as DatabaseError {
      throw StorageError(error, at: path)
    }
  }

  /// Runs `body` in one immediate transaction, which is rolled back if it throws. Never do anything in it that may wait
  /// for another host. Throws `wrongSchema` where somebody has migrated the database meanwhile.
  ///
  /// Writers that come at the same time share a transaction (`GroupCommit`): `body` may run on another thread, and after others
  /// with whom it stands or, if it cannot be committed, falls.
  ///
  /// Once it is committed, and before the next transaction, `afterCommit` runs, in the order of the bodies, so that what it
  /// writes elsewhere is in that order too. If it throws, the transaction stands all the same.
  ///
  /// Throws `databaseUnavailable` if the writers before, of this process and of others, leave it no turn in time.
  public func write<Result>(
    _ body: (Transaction) throws -> Result, afterCommit: (Result) throws -> Void = { _ in }
  ) throws -> Result {
    // From here: the threads of this process wait for each other first, and must not each wait anew.
    try write(until: .now + FileLock.patience, body, afterCommit: afterCommit)
  }

  func write<Result>(
    until deadline: ContinuousClock.Instant, _ body: (Transaction) throws -> Result,
    afterCommit: (Result) throws -> Void = { _ in }
  ) throws -> Result {
    var result: Result?
    do {
      try groupCommit.run(until: deadline) { database in
        result = try body(Transaction(database: database, now: now()))
      } afterCommit: {
        if let result { try afterCommit(result) }
      }
    } catch let error as DatabaseError {
      throw StorageError(error, at: path)
    }
    guard let result else { throw StorageError.databaseUnavailable("nothing was committed") }
    return result
  }

  /// How many threads of this process write, or wait for the one that does. For tests.
  var writers: Int { groupCommit.writers }

  /// Makes this process the one that maintains the database, until it ends. Returns false while another one is. From then on
  /// nobody else checkpoints.
  public func becomeMaintainer() -> Bool {
    checkpoint.takeOver()
  }

  /// Copies the write-ahead log back into the database file if it has grown. For the maintainer, every few seconds; others
  /// do so only if there is none.
  ///
  /// Returns what stands in the way, where the log is large and even waiting for readers did not help.
  @discardableResult
  public func checkpointIfDue() throws -> BlockedCheckpoint? {
    do {
      return try pool.writeWithoutTransaction { database in
        try writeLock.exclusive(until: .now + FileLock.patience) {
          checkpoint.runIfDue(database)
          return checkpoint.blocked
        }
      }
    } catch {
      throw StorageError(error, at: path)
    }
  }

  /// Bytes of the write-ahead log, all of which a reader may have to look through; 0 where there is none.
  public var logSize: Int { checkpoint.logSize }

  /// Bytes of log from which on something is wrong: a reader that stays, or nobody who copies it back.
  public static let unhealthyLogSize = 64 << 20

  /// Copies the whole write-ahead log into the database's file, which by itself is then the whole database. For somebody
  /// who has it alone.
  func foldLog() throws {
    do {
      try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    } catch {
      throw StorageError(error, at: path)
    }
  }

  /// All pages in one step, so that a writer cannot make it begin anew.
  func copyPages(to copy: DatabaseQueue) throws {
    try pool.backup(to: copy, pagesPerStep: -1)
  }

  /// Whether some process, this one or another, maintains the database now.
  public var hasMaintainer: Bool { checkpoint.hasMaintainer }

  /// Throws `wrongSchema` unless the schema is still that of this program.
  public func checkSchema() throws {
    try read { try SchemaVersion.check($0.database) }
  }

  /// Throws unless the database can be written.
  public func checkWritable() throws {
    try write { transaction in
      try transaction.database.run(
        sql: """
          INSERT INTO write_probe (id, written_at) VALUES (1, ?)
          ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at
          """, arguments: [transaction.now.description])
    }
  }
}

/// What can be done inside a transaction. Not to be used after it.
public struct Transaction {
  let database: GRDB.Database
  /// The time of everything that happens in this transaction.
  public let now: Timestamp

  /// Runners, those that are deleted among them.
  public var runners: RunnerStore { RunnerStore(database: database) }
  /// The audit log, for reading: only `Database.write(auditedIn:_:)` adds to it.
  public var auditLog: AuditLogStore { AuditLogStore(database: database, now: now) }
  /// What admins let callers have.
  public var labelPolicies: LabelPolicyStore { LabelPolicyStore(database: database, now: now) }
  /// What admins should look at.
  public var securityEvents: SecurityEventStore { SecurityEventStore(database: database, now: now) }
  /// Requests that wait for an admin, and what became of others.
  public var approvals: ApprovalStore { ApprovalStore(database: database, now: now) }
  /// Who had what in a period. Has no table of its own.
  public var accessReviews: AccessReviewStore { AccessReviewStore(database: database) }
  /// What all processes know of the App's installation, its rate limit among it.
  public var installations: InstallationStore { InstallationStore(database: database, now: now) }
  /// Which deliveries were acted on, and which GitHub was asked to repeat.
  public var webhookDeliveries: WebhookDeliveryStore {
    WebhookDeliveryStore(database: database, now: now)
  }
  /// GitHub's list of runners as it was last read, to ask only for what has changed.
  public var runnerPages: RunnerPageStore { RunnerPageStore(database: database) }
  /// Runners that nobody provisioned here and that have been reported.
  public var unmanagedRunners: UnmanagedRunnerStore {
    UnmanagedRunnerStore(database: database, now: now)
  }
  /// Tokens that are good for one runner only and have had it.
  public var usedTokens: UsedTokenStore { UsedTokenStore(database: database, now: now) }
}

extension StorageError {
  /// SQLite's message names no values, only tables and causes; where one of the files at `path` is the cause, it is told
  /// what is wrong with that.
  init(_ error: any Error, at path: String) {
    switch error {
    case let error as StorageError: self = error
    case let error as DatabaseError:
      let message =
        "\(error.message ?? "no message") (code \(error.extendedResultCode.rawValue))"
      let fault = DatabaseFiles(path: path).fault
      self = .databaseUnavailable("\(path): \(message)\(fault.map { "; \($0)" } ?? "")")
    default: self = .databaseUnavailable("\(path): \(error)")
    }
  }
}
