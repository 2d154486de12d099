import Foundation
import GRDB
import Runners

/// A copy or backup of the database, for auditors: nothing in it is changed.
public final class DatabaseCopy: ReadableDatabase {
  private let path: String
  private let queue: DatabaseQueue

  /// Opens the file at `path` for reading only, with what is in a write-ahead log beside it.
  ///
  /// Throws `wrongSchema` if it is not the schema of this program, `databaseUnavailable` if it cannot be read.
  public init(path: String) throws(StorageError) {
    self.path = path
    guard FileManager.default.fileExists(atPath: path) else {
      throw .databaseUnavailable("\(path) does not exist")
    }
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    do {
      queue = try DatabaseQueue(path: try Self.name(of: path), configuration: configuration)
      try queue.read { try SchemaVersion.check($0) }
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
      throw .databaseUnavailable(
        "\(path) cannot be opened; where it has a write-ahead log (\(path)-wal), copy both to a directory that you can write"
      )
    } catch {
      throw StorageError(error, at: path)
    }
  }

  /// A file that stands by itself is nobody's to write, so SQLite need not make the companions through which writers
  /// and readers meet: it can be read where no file can be made. One with companions may be in use.
  private static func name(of path: String) throws -> String {
    let hasCompanions = ["-wal", "-shm", "-journal"].contains { ending in
      FileManager.default.fileExists(atPath: path + ending)
    }
    if hasCompanions { return path }
    return URL(fileURLWithPath: path).absoluteString + "?immutable=1"
  }

  public func read<Result>(_ body: (Transaction) throws -> Result) throws -> Result {
    do {
      return try queue.read { try body(Transaction(database: $0, now: Timestamp(Date()))) }
    } catch let error as DatabaseError {
      throw StorageError(error, at: path)
    }
  }
}
