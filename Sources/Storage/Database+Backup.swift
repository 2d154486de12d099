import GRDB

extension Database {
  /// Copies the whole database, as it stands at one moment, into the empty file at `path`, and makes sure that the copy is
  /// sound. Workers go on meanwhile. The copy is one file: it needs no companions.
  ///
  /// Throws `databaseUnavailable` where the copy cannot be written or is not sound; what is in the file then is of no use.
  public func backUp(to path: String) throws(StorageError) {
    try Self.makeCopy(at: path) { try copyPages(to: $0) }
  }

  /// The same for the database at `source`, which may be of an earlier schema: before `migrate` changes it.
  public static func backUp(databaseAt source: String, to path: String) throws(StorageError) {
    let use = try DatabaseUse(ofDatabaseAt: source)
    defer { withExtendedLifetime(use) {} }
    try makeCopy(at: path) { copy in
      let queue = try DatabaseQueue(path: source, configuration: configuration())
      try queue.backup(to: copy, pagesPerStep: -1)
    }
  }

  private static func makeCopy(
    at path: String, _ copyPages: (DatabaseQueue) throws -> Void
  ) throws(StorageError) {
    do {
      let copy = try DatabaseQueue(path: path)
      try copyPages(copy)
      let verdict = try copy.writeWithoutTransaction { database in
        // The copy has the original's journal mode, and with it two more files beside it.
        _ = try String.fetchOne(database, sql: "PRAGMA journal_mode = DELETE")
        return try String.fetchOne(database, sql: "PRAGMA integrity_check")
      }
      try copy.close()
      guard verdict == "ok" else {
        throw StorageError.databaseUnavailable("the copy is damaged: \(verdict ?? "no verdict")")
      }
    } catch {
      throw StorageError(error, at: path)
    }
  }
}
