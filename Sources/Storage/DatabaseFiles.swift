import Glibc

/// The files that make up a database and stand beside it.
struct DatabaseFiles {
  let path: String

  /// What SQLite keeps beside a database in use. A database that is moved takes them along.
  static let companions = ["-wal", "-shm"]

  private static let locks = [".lock", ".maintenance.lock", ".use.lock"]

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
}
