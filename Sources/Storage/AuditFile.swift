import Concurrency
import Glibc
public import Runners

/// `audit.jsonl`: one line for each audit record, for `tail -f`. Any number of processes append to it.
///
/// The table is the record and this its mirror; still, what cannot be written here is an error.
public final class AuditFile: Sendable {
  private struct OpenFile {
    var descriptor: Int32
    var device: dev_t
    var inode: ino_t
  }

  private let path: String
  private let file = Locked<OpenFile?>(nil)

  public init(path: String) {
    self.path = path
  }

  deinit {
    file.withLock { closeFile(&$0) }
  }

  /// Appends a line for each record. Throws `auditFileUnavailable` unless all of it is in the file.
  public func append(_ records: [AuditRecord]) throws(StorageError) {
    let lines: [String]
    do { lines = try records.map { try AuditJSON.text(AuditLine(record: $0)) + "\n" } } catch {
      throw .auditFileUnavailable("a record cannot be encoded")
    }
    try file.withLock { (file) throws(StorageError) in
      for line in lines { try append(line, to: &file) }
    }
  }

  /// Throws unless the file can be opened for appending.
  public func checkWritable() throws(StorageError) {
    try file.withLock { (file) throws(StorageError) in _ = try current(&file) }
  }

  private func append(_ line: String, to file: inout OpenFile?) throws(StorageError) {
    let open = try current(&file)
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

  private func open() throws(StorageError) -> OpenFile {
    // Non-blocking, so that a FIFO in the file's place cannot hold us.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    let descriptor = Glibc.open(path, flags, 0o640)
    guard descriptor >= 0 else {
      throw .auditFileUnavailable("\(path): \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .auditFileUnavailable("\(path): not a regular file")
    }
    return OpenFile(descriptor: descriptor, device: status.st_dev, inode: status.st_ino)
  }

  private func closeFile(_ file: inout OpenFile?) {
    if let open = file { close(open.descriptor) }
    file = nil
  }
}
