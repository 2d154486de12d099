import Foundation

/// The files that make up a database and stand beside it.
struct DatabaseFiles {
  let path: String

  /// What SQLite keeps beside a database in use. A database that is moved takes them along.
  static let companions = ["-wal", "-shm"]

  /// Before the date, in the name under which a restoration puts the database aside.
  static let setAside = ".before-restore-"

  private static let locks = [".lock", ".maintenance.lock", ".mirror.lock", ".use.lock"]

  /// What stands in the way of this process with one of them: the first that it cannot read and write, and whose it is. nil
  /// if there is none such.
  var fault: String? {
    let files = ([""] + Self.companions + Self.locks).map { path + $0 }
    for file in files {
      var status = stat()
      guard stat(file, &status) == 0 else { continue }
      guard faccessat(AT_FDCWD, file, R_OK | W_OK, AT_EACCESS) != 0 else { continue }
      let reason = String(cString: strerror(errno))
      let owner = getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) }
      return "\(file): \(reason), it is \(owner ?? "\(status.st_uid)")'s"
    }
    return nil
  }

  /// Where there is no database: a file that tells of one, which a new database would make hard to bring back. Part of the one
  /// that was there, or what a restoration that broke off had put aside.
  func remains() throws(StorageError) -> String? {
    var status = stat()
    guard lstat(path, &status) != 0, errno == ENOENT else { return nil }
    let url = URL(fileURLWithPath: path)
    let directory = url.deletingLastPathComponent()
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: directory.path) } catch {
      throw .databaseUnavailable("\(directory.path) cannot be read: \(error)")
    }
    let name = url.lastPathComponent
    let remains =
      names.filter { $0.hasPrefix(name + Self.setAside) }.min()
      ?? names.first { $0 == name + "-wal" }
    return remains.map { directory.appendingPathComponent($0).path }
  }
}
