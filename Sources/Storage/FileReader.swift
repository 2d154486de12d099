import Glibc
import JOSE

/// Why a file of audit records cannot be read.
public struct UnreadableFile: Error, Sendable, CustomStringConvertible {
  public let description: String
}

/// A regular file that is read line by line, without more of it in memory than a line.
final class FileReader {
  let path: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  /// Where in the buffer the next line begins, and where in the file the next bytes are read.
  private var start = 0
  private var offset: Int64

  /// Throws for anything but a regular file.
  init(path: String, offset: Int64 = 0) throws(UnreadableFile) {
    self.path = path
    self.offset = offset
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw UnreadableFile(
        description: "\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw UnreadableFile(description: "\(path) cannot be read: it is not a regular file")
    }
  }

  deinit {
    close(descriptor)
  }

  /// Where `nextLine` begins.
  func seek(to offset: Int64) {
    self.offset = offset
    buffer = []
    start = 0
  }

  var status: stat {
    var status = stat()
    _ = fstat(descriptor, &status)
    return status
  }

  /// Makes what is in the file survive a power failure.
  func synchronize() throws(UnreadableFile) {
    guard fsync(descriptor) == 0 else { throw failure() }
  }

  /// The next line without its end, or nil after the last.
  func nextLine() throws(UnreadableFile) -> ArraySlice<UInt8>? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = end + 1 }
        return buffer[start..<end]
      }
      searched = buffer.count - start
      buffer.removeFirst(start)
      start = 0
      let more = try read(count: 1 << 16, at: offset)
      offset += Int64(more.count)
      if more.isEmpty {
        defer { buffer = [] }
        return buffer.isEmpty ? nil : buffer[...]
      }
      buffer += more
    }
  }

  /// SHA-256 of the bytes before `end`, as many as a line can have; nil if the file is not that long, or empty up to there.
  func digest(before end: Int64) throws -> String? {
    let length = min(end, Int64(AuditRecord.maximumLineLength))
    guard length > 0, status.st_size >= end else { return nil }
    let bytes = try read(count: Int(length), at: end - length)
    return bytes.count == Int(length) ? try Digest.sha256Hex(bytes) : nil
  }

  private func read(count: Int, at offset: Int64) throws(UnreadableFile) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let length = pread(descriptor, &bytes, count, off_t(offset))
    guard length >= 0 else { throw failure() }
    bytes.removeLast(count - length)
    return bytes
  }

  private func failure() -> UnreadableFile {
    UnreadableFile(description: "\(path) cannot be read: \(String(cString: strerror(errno)))")
  }
}
