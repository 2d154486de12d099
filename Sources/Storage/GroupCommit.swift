import Concurrency
import Foundation
import GRDB

/// The writers of one process. Those that come while another writes share the next transaction, which one of their threads
/// carries out for all of them: most of what a small write costs is to make it durable, and that is then done once.
///
/// They notice nothing of each other. Each runs in a savepoint of its own, and is undone alone if it throws; but where
/// the transaction cannot be committed nothing of any of them stands, and all are told so.
final class GroupCommit: Sendable {
  private struct State {
    /// In the order in which they came, without the one that leads.
    var waiting: [Write] = []
    /// The thread that is at work for itself and others.
    var leader: pthread_t?
  }

  private let pool: DatabasePool
  private let lock: FileLock
  private let checkpoint: Checkpoint
  private let path: String
  private let state = Locked(State())

  /// - Parameters:
  ///   - pool: of the database.
  ///   - path: of its file.
  ///   - lock: keeps the writers of other processes out.
  ///   - checkpoint: is made after a transaction if it is due.
  init(pool: DatabasePool, path: String, lock: FileLock, checkpoint: Checkpoint) {
    self.pool = pool
    self.path = path
    self.lock = lock
    self.checkpoint = checkpoint
  }

  /// How many threads write, or wait for the one that does. For tests.
  var writers: Int { state.withLock { ($0.leader == nil ? 0 : 1) + $0.waiting.count } }

  /// Runs `body` in an immediate transaction, on this thread or another one while this one waits, and once that is committed
  /// `afterCommit`, in the order of the bodies and before the next transaction. Neither may write by itself.
  ///
  /// Throws what either of them throws, and `databaseUnavailable` where its turn does not come until `deadline`.
  func run(
    until deadline: ContinuousClock.Instant, _ body: (GRDB.Database) throws -> Void,
    afterCommit: () throws -> Void
  ) throws {
    try withoutActuallyEscaping(body) { body in
      try withoutActuallyEscaping(afterCommit) { afterCommit in
        let write = Write(until: deadline, body, afterCommit: afterCommit)
        if mayLead(write) || write.waitsToLead() { lead(write) }
        try write.result.get()
      }
    }
  }

  /// Returns whether nobody else is at work; otherwise the write waits from now on.
  private func mayLead(_ write: Write) -> Bool {
    state.withLock { state in
      guard let leader = state.leader else {
        state.leader = write.thread
        return true
      }
      // It would wait for itself, and every other writer for it.
      precondition(pthread_equal(leader, write.thread) == 0, "a write inside a write")
      state.waiting.append(write)
      return false
    }
  }

  private func lead(_ first: Write) {
    var group = [first]
    do {
      try pool.writeWithoutTransaction { database in
        try first.checkInTime(path)
        try lock.exclusive(until: first.deadline) { commit(&group, in: database) }
      }
    } catch {
      first.result = .failure(error)
    }
    // Nobody's thread works for others longer than for one transaction.
    let next = state.withLock { state in
      let next = state.waiting.isEmpty ? nil : state.waiting.removeFirst()
      state.leader = next?.thread
      return next
    }
    next?.proceed(.leading)
    for write in group { write.proceed(.done) }
  }

  /// Adds to `group` everybody who comes until its last one has run.
  private func commit(_ group: inout [Write], in database: GRDB.Database) {
    do {
      try database.inTransaction(.immediate) {
        try SchemaVersion.checkUnchanged(database)
        try group[0].run(in: database, path)
        while let next = nextWaiting() {
          group.append(next)
          try next.run(in: database, path)
        }
        return .commit
      }
      checkpoint.runIfDue(database)
      for write in group { write.followUp() }
    } catch {
      // Also for whoever was refused: perhaps because of what now never was.
      for write in group { write.result = .failure(error) }
    }
  }

  private func nextWaiting() -> Write? {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
  }
}

/// What one thread wants to have written. Only the thread that leads touches it while the other one waits; the condition hands
/// it over.
private final class Write: @unchecked Sendable {
  enum Turn {
    case waiting, leading, done
  }

  let deadline: ContinuousClock.Instant
  /// Of its caller.
  let thread = pthread_self()
  var result = Result<Void, any Error>.failure(
    StorageError.databaseUnavailable("nothing was committed"))

  /// What its caller lends, until it is done.
  private var work: (body: (GRDB.Database) throws -> Void, afterCommit: () throws -> Void)?
  private let condition = NSCondition()
  private var turn = Turn.waiting

  init(
    until deadline: ContinuousClock.Instant, _ body: @escaping (GRDB.Database) throws -> Void,
    afterCommit: @escaping () throws -> Void
  ) {
    self.deadline = deadline
    work = (body, afterCommit)
  }

  /// Waits. Returns whether this thread is to lead; otherwise the write is done.
  func waitsToLead() -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while turn == .waiting { condition.wait() }
    return turn == .leading
  }

  /// Lets the thread that waits go on.
  func proceed(_ turn: Turn) {
    condition.lock()
    defer { condition.unlock() }
    self.turn = turn
    if turn == .done { work = nil }
    condition.signal()
  }

  /// Throws if whoever asked has given up by now: those behind would only wait for it in vain.
  func checkInTime(_ path: String) throws(StorageError) {
    guard ContinuousClock.now < deadline else { throw .tooManyWriters(path) }
  }

  /// Runs the body, and undoes what it did if it throws. Throws itself where that is not possible.
  func run(in database: GRDB.Database, _ path: String) throws {
    try database.run(sql: "SAVEPOINT one_write")
    do {
      try checkInTime(path)
      try work?.body(database)
      result = .success(())
    } catch {
      // On a full disk, for example, SQLite undoes all of the transaction by itself. All are told so; whatever else this one
      // says is not for the others.
      guard database.isInsideTransaction else {
        throw error as? DatabaseError ?? StorageError.lostTransaction(path)
      }
      result = .failure(error)
      try database.run(sql: "ROLLBACK TO one_write")
    }
    try database.run(sql: "RELEASE one_write")
  }

  /// Does what comes after the commit, unless there was none for this write.
  func followUp() {
    guard case .success = result else { return }
    result = Result { try work?.afterCommit() }
  }
}

extension StorageError {
  /// The writers of this process took so long that one who waited behind them gave up.
  fileprivate static func tooManyWriters(_ path: String) -> StorageError {
    .databaseUnavailable(
      "\(path): the writers before this one took \(FileLock.patience.components.seconds) seconds; try again, and look at the disk if it stays so"
    )
  }

  fileprivate static func lostTransaction(_ path: String) -> StorageError {
    .databaseUnavailable("\(path): another writer's error has undone the transaction; try again")
  }
}
