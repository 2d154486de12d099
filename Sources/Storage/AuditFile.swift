import Concurrency
import Glibc

/// `audit.jsonl`: one line for each audit record, for `tail -f`. Any number of processes append to it.
///
/// The table is the record and this its mirror; still, what cannot be written here is an error.
public final class AuditFile: Sendable {
  private struct OpenFile {
    var descriptor: Int32
    var device: dev_t
    var inode: ino_t
  }

  /// Where lines go. A file that is moved away from here is no longer written.
  public let path: String
  private let file = Locked<OpenFile?>(nil)

  public init(path: String) {
    self.path = path
  }

  deinit {
    file.withLock { closeFile(&$0) }
  }

  /// Appends a line for each record, as a holder of the database's write lock. Throws `auditFileUnavailable` unless all of
  /// it is in the file.
  func append(_ records: [AuditRecord]) throws(StorageError) {
    let lines: [String]
    do { lines = try records.map { try $0.line() } } catch {
      throw .auditFileUnavailable("a record cannot be encoded")
    }
    try file.withLock { (file) throws(StorageError) in
      for line in lines { try append(line, to: &file) }
    }
  }

  /// Throws unless the file can be opened for appending and its disk has room.
  public func checkWritable() throws(StorageError) {
    try file.withLock { (file) throws(StorageError) in
      let open = try current(&file)
      var disk = statvfs()
      guard fstatvfs(open.descriptor, &disk) == 0 else { throw unavailable() }
      // Some file systems do not count their blocks.
      guard disk.f_bavail > 0 || disk.f_blocks == 0 else {
        throw .auditFileUnavailable("\(path): the disk is full")
      }
    }
  }

  /// Opens the file anew before the next line, whatever has become of the path.
  public func reopen() {
    file.withLock { closeFile(&$0) }
  }

  /// A descriptor of its own for the file, whose last line is whole, and which is made if it is absent. For a holder of the
  /// database's write lock.
  func openForReading() throws -> FileReader {
    try file.withLock { (file) throws(StorageError) in _ = try currentWithWholeLines(&file) }
    return try FileReader(path: path)
  }

  /// Makes what is in the file survive a power failure.
  func synchronize() throws(StorageError) {
    try file.withLock { (file) throws(StorageError) in
      guard fsync(try current(&file).descriptor) == 0 else { throw unavailable() }
    }
  }

  private func append(_ line: String, to file: inout OpenFile?) throws(StorageError) {
    let open = try currentWithWholeLines(&file)
    // One write for each line, so that lines of several processes do not mix.
    let bytes = Array(line.utf8)
    let written = write(open.descriptor, bytes, bytes.count)
    guard written == bytes.count else {
      let reason = written < 0 ? String(cString: strerror(errno)) : "the disk is full"
      if written > 0 { takeBack(written, from: open.descriptor) }
      throw .auditFileUnavailable("\(path): \(reason)")
    }
  }

  /// Takes half a line off the end, so that the next one stands by itself. Writers hold the database's write lock, so
  /// nobody has added to it.
  private func takeBack(_ count: Int, from descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return }
    ftruncate(descriptor, status.st_size - off_t(count))
  }

  /// The file, without half a line at its end that a crash has left.
  private func currentWithWholeLines(_ file: inout OpenFile?) throws(StorageError) -> OpenFile {
    let open = try current(&file)
    var status = stat()
    guard fstat(open.descriptor, &status) == 0 else { throw unavailable() }
    guard status.st_size > 0 else { return open }
    var last: UInt8 = 0
    guard pread(open.descriptor, &last, 1, status.st_size - 1) == 1 else { throw unavailable() }
    if last != UInt8(ascii: "\n") {
      try removeTornLine(from: open.descriptor, status.st_size)
    }
    return open
  }

  /// Its record is whole in the table, from where it comes again.
  private func removeTornLine(from descriptor: Int32, _ size: off_t) throws(StorageError) {
    let length = min(Int(size), AuditRecord.maximumLineLength)
    var end = [UInt8](repeating: 0, count: length)
    guard pread(descriptor, &end, length, size - off_t(length)) == length else {
      throw unavailable()
    }
    let newline = UInt8(ascii: "\n")
    if let lineEnd = end.lastIndex(of: newline) {
      try truncate(descriptor, by: length - 1 - lineEnd, of: size)
    } else if length == Int(size) {
      try truncate(descriptor, by: length, of: size)
    } else {
      // No line of ours is that long. What somebody else has put here is not ours to remove.
      guard write(descriptor, [newline], 1) == 1 else { throw unavailable() }
    }
  }

  private func truncate(_ descriptor: Int32, by count: Int, of size: off_t) throws(StorageError) {
    guard ftruncate(descriptor, size - off_t(count)) == 0 else { throw unavailable() }
  }

  /// The file at the path, opened anew after somebody has moved it away.
  private func current(_ file: inout OpenFile?) throws(StorageError) -> OpenFile {
    var status = stat()
    if let open = file, stat(path, &status) == 0, status.st_dev == open.device,
      status.st_ino == open.inode
    {
      return open
    }
    closeFile(&file)
    let opened = try open()
    file = opened
    return opened
  }

  /// Of a file that it makes, the group may read it too. Which group that is, a directory with the set-group-ID bit says.
  private static let mode: mode_t = 0o640

  private func open() throws(StorageError) -> OpenFile {
    // Non-blocking, so that a FIFO in the file's place cannot hold us.
    let flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    var descriptor = Glibc.open(path, flags)
    if descriptor < 0, errno == ENOENT {
      descriptor = Glibc.open(path, flags | O_CREAT | O_EXCL, Self.mode)
      if descriptor >= 0 {
        // Whatever the umask. Only here: what somebody else has made keeps the mode that it was given.
        guard fchmod(descriptor, Self.mode) == 0 else {
          defer { close(descriptor) }
          throw unavailable()
        }
      } else if errno == EEXIST {
        // Another process was first.
        descriptor = Glibc.open(path, flags)
      }
    }
    guard descriptor >= 0 else { throw unavailable() }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .auditFileUnavailable("\(path): not a regular file")
    }
    return OpenFile(descriptor: descriptor, device: status.st_dev, inode: status.st_ino)
  }

  private func unavailable() -> StorageError {
    .auditFileUnavailable("\(path): \(String(cString: strerror(errno)))")
  }

  private func closeFile(_ file: inout OpenFile?) {
    if let open = file { close(open.descriptor) }
    file = nil
  }
}
