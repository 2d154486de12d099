import Foundation
import Glibc
import Runners
import TestSupport
import Testing

@testable import Storage

/// What is there when a restoration breaks off, be it by a signal, by `kill -9` or by a power failure.
@Suite(.serialized) struct InterruptedRestorationTests {
  private let directory: TemporaryDirectory
  /// The database, the audit log's file and the backup: all of it can be copied as it stands at one moment.
  private let place: String
  private let now: Timestamp
  private let old: AuditHead
  private let backedUp: AuditHead

  private static let date = "20260131T120000Z"

  private static func database(in place: String) -> String { place + "/service.db" }
  private static func file(in place: String) -> AuditFile {
    AuditFile(path: place + "/audit.jsonl")
  }

  init() throws {
    directory = try TemporaryDirectory()
    place = directory.file("place")
    let now = try #require(Timestamp("2026-01-31T12:00:00Z"))
    self.now = now
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
    let path = Self.database(in: place)
    try Storage.Database.migrate(path: path, now: now)
    let database = try Storage.Database(path: path) { now }
    let file = Self.file(in: place)
    func record() throws -> AuditHead {
      try database.write(auditedIn: file) { transaction, record in
        try record(AuditEvent(.refresh, actor: .init(identity: "alice")))
        return try transaction.auditLog.head()
      }
    }
    _ = try record()
    backedUp = try record()
    try database.backUp(to: place + "/backup.db")
    _ = try record()
    old = try record()
  }

  private func restoration(in place: String) throws -> DatabaseRestoration {
    let path = Self.database(in: place)
    return try DatabaseRestoration(
      of: place + "/backup.db", toDatabaseAt: path, isDryRun: false, now: now)
  }

  private func names(in place: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: place).sorted()
  }

  /// Proves that the database and the file are of one log. Returns the log's head, or nil where there is no database.
  private func head(in place: String) throws -> AuditHead? {
    let path = Self.database(in: place)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let now = now
    let database = try Storage.Database(path: path) { now }
    let log = try database.verifyAuditLog()
    let mirror = try database.verifyMirror(path: place + "/audit.jsonl")
    #expect(mirror.lines > 0)
    #expect(try database.catchUp(Self.file(in: place)).records == 0)
    return log.head
  }

  /// A copy of the place after each step: what a power failure would leave.
  private func moments() throws -> (copies: [String], outcome: DatabaseRestoration.Outcome) {
    var copies: [String] = []
    let restoration = try restoration(in: place)
    let outcome = try restoration.place(auditedIn: Self.file(in: place), by: .init()) {
      let copy = directory.file("copy-\(copies.count)")
      try FileManager.default.copyItem(atPath: place, toPath: copy)
      copies.append(copy)
    }
    return (copies, outcome)
  }

  @Test func `whenever it breaks off there is no database, or one whose audit file agrees`() throws
  {
    let (copies, outcome) = try moments()
    // The record, the database with two companions, the file twice, the backup.
    #expect(copies.count == 7)
    let heads = try copies.map { try head(in: $0) }
    #expect(heads.first == old)
    #expect(heads.dropFirst().dropLast().allSatisfy { $0 == nil })
    #expect(heads.last == outcome.head)
    #expect(try head(in: place) == outcome.head)
  }

  @Test func `where it breaks off without a database, none is made anew, and the old one is whole`()
    throws
  {
    let copies = try moments().copies
    for copy in copies {
      let path = Self.database(in: copy)
      guard try head(in: copy) == nil else {
        #expect(try Storage.Database.migrate(path: path, now: now) == [])
        continue
      }
      #expect {
        try Storage.Database.migrate(path: path, now: now)
      } throws: { error in
        "\(error)".contains("\(path).before-restore-\(Self.date)")
      }
      #expect(!FileManager.default.fileExists(atPath: path))
      // By itself, whatever became of its log.
      let aside = directory.file("aside.db")
      try FileManager.default.moveItem(
        atPath: "\(path).before-restore-\(Self.date)", toPath: aside)
      let former = try Storage.Database(path: aside) { [now] in now }
      #expect(try former.verifyAuditLog().head == old)
      for name in try FileManager.default.contentsOfDirectory(atPath: directory.path)
      where name.hasPrefix("aside.db") {
        try FileManager.default.removeItem(atPath: directory.file(name))
      }
    }
  }

  @Test func `a log without its database is not thrown away for a new one`() throws {
    let path = Self.database(in: place)
    try FileManager.default.moveItem(atPath: path, toPath: path + ".elsewhere")
    let log = try Data(contentsOf: URL(filePath: path + "-wal"))
    #expect(!log.isEmpty)
    #expect {
      try Storage.Database.migrate(path: path, now: now)
    } throws: { error in
      "\(error)".contains(path + "-wal")
    }
    #expect(try Data(contentsOf: URL(filePath: path + "-wal")) == log)
    // Elsewhere it is in nobody's way.
    try FileManager.default.moveItem(atPath: path + "-wal", toPath: path + ".elsewhere-wal")
    #expect(try !Storage.Database.migrate(path: path, now: now).isEmpty)
  }

  @Test func `whatever an interrupted one left, the next one restores and clears it away`() throws {
    for copy in try moments().copies {
      // The same names would be given once more.
      let aside = try names(in: copy).filter { $0.contains("before-restore") }
      for name in aside {
        try FileManager.default.moveItem(atPath: "\(copy)/\(name)", toPath: "\(copy)/kept-\(name)")
      }
      // Of another process than this one.
      for name in try names(in: copy) where name.contains(".restore-") {
        let other = name.replacing(".restore-\(getpid())", with: ".restore-4194304")
        try FileManager.default.moveItem(atPath: "\(copy)/\(name)", toPath: "\(copy)/\(other)")
      }
      do { _ = try restoration(in: copy).place(auditedIn: Self.file(in: copy), by: .init()) }
      #expect(try head(in: copy)?.id == backedUp.id + 1)
      #expect(try names(in: copy).filter { $0.contains(".restore-") } == [])
    }
  }

  @Test func `only what a restoration makes is cleared away, and by none that only looks`() throws {
    let path = Self.database(in: place)
    let left = ["service.db.restore-99999999", ".audit.jsonl.restore-99999999"]
    let others = [
      "service.db.restore-x", "service.db.restore-", "other.db.restore-1", "audit.jsonl.restore-1",
    ]
    for name in left + others {
      try FileManager.default.createDirectory(
        atPath: "\(place)/\(name)", withIntermediateDirectories: false)
    }
    _ = try DatabaseRestoration(
      of: place + "/backup.db", toDatabaseAt: path, isDryRun: true, now: now)
    #expect(try Set(names(in: place)).isSuperset(of: left + others))
    do { _ = try restoration(in: place).place(auditedIn: Self.file(in: place), by: .init()) }
    let names = try Set(names(in: place))
    #expect(names.isSuperset(of: others) && names.isDisjoint(with: left))
  }

  @Test func `nothing is restored while somebody looks at a backup, whose copy stays`() throws {
    let path = Self.database(in: place)
    let look = try DatabaseRestoration(
      of: place + "/backup.db", toDatabaseAt: path, isDryRun: true, now: now)
    #expect(throws: RestoreRefusal.self) { _ = try restoration(in: place) }
    #expect(look.log.head == backedUp)
  }

  @Test func `where a step fails all is as before, whichever it is`() throws {
    struct Failure: Error {}
    // Opened once, it has its companions and locks beside it.
    #expect(try head(in: place) == old)
    let before = try names(in: place)
    for step in 1...7 {
      var count = 0
      do {
        let restoration = try restoration(in: place)
        #expect(throws: Failure.self) {
          try restoration.place(auditedIn: Self.file(in: place), by: .init()) {
            count += 1
            if count == step { throw Failure() }
          }
        }
      }
      #expect(count == step)
      #expect(try names(in: place) == before)
      #expect(try head(in: place) == old)
    }
  }

  @Test func `a signal that comes meanwhile takes effect when everything is in its place`() throws {
    // A test's thread takes none by itself, as the program's does.
    let mask = Self.takeSignals()
    defer { Self.restore(mask) }
    let former = signal(SIGHUP) { _ in receivedSignals += 1 }
    defer { signal(SIGHUP, former) }
    var steps = 0
    do {
      let restoration = try restoration(in: place)
      _ = try restoration.place(auditedIn: Self.file(in: place), by: .init()) {
        steps += 1
        #expect(Self.heldBack == [SIGINT, SIGTERM, SIGHUP])
        // To this thread, which is the one that works.
        #expect(pthread_kill(pthread_self(), SIGHUP) == 0)
        #expect(receivedSignals == 0)
      }
    }
    #expect(steps == 7)
    #expect(Self.heldBack == [])
    // However often it was sent: signals are not counted.
    #expect(receivedSignals == 1)
    // And outside of it one takes effect at once.
    #expect(pthread_kill(pthread_self(), SIGHUP) == 0)
    #expect(receivedSignals == 2)
  }

  private static func takeSignals() -> sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    var before = sigset_t()
    pthread_sigmask(SIG_UNBLOCK, &signals, &before)
    return before
  }

  private static func restore(_ mask: sigset_t) {
    var mask = mask
    pthread_sigmask(SIG_SETMASK, &mask, nil)
  }

  private static var heldBack: [Int32] {
    var mask = sigset_t()
    pthread_sigmask(SIG_BLOCK, nil, &mask)
    return [SIGINT, SIGTERM, SIGHUP].filter { sigismember(&mask, $0) == 1 }
  }
}

/// A signal's handler sees nothing but what is global. Changed and read by one thread.
nonisolated(unsafe) private var receivedSignals = 0
