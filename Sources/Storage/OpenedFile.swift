import Foundation
public import Glibc

/// A file that is opened once, so that what is checked is what is read: a path may lead elsewhere a moment later.
public final class OpenedFile {
  /// Why it cannot be opened or read.
  public struct Failure: Error, CustomStringConvertible {
    /// As `errno` has it.
    public let code: Int32

    public var description: String { String(cString: strerror(code)) }

    /// For admins: what is wrong with the file that they gave.
    public func reason(at path: String) -> String {
      switch code {
      case ENOENT, ENOTDIR: "there is no file \(path), or this user may not see it"
      case EACCES: "\(path) cannot be read by this user"
      default: "\(path) cannot be read: \(self)"
      }
    }
  }

  private let descriptor: Int32
  private let status: stat

  /// Opens the file for reading.
  /// `flags`: `O_NOFOLLOW` where the path must not be a link, `O_NONBLOCK` where a FIFO must not hold us.
  public init(path: String, flags: Int32 = 0) throws(Failure) {
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags)
    guard descriptor >= 0 else { throw Failure(code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw Failure(code: code)
    }
    self.status = status
  }

  deinit {
    close(descriptor)
  }

  /// Whether it is a file, and no directory, FIFO or device.
  public var isRegular: Bool { status.st_mode & S_IFMT == S_IFREG }

  /// Who may do what with it: the bits of chmod(1).
  public var mode: Int { Int(status.st_mode & 0o7777) }

  /// Whose it is.
  public var owner: uid_t { status.st_uid }
  /// Its group.
  public var group: gid_t { status.st_gid }

  /// Where it is, without a link in the path. nil where the system does not say.
  public var resolvedPath: String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
  }

  /// Everything in it from the beginning on. Once only where it is a FIFO.
  public func contents() throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &part, part.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure(code: errno) }
      guard count > 0 else { return bytes }
      bytes += part[..<count]
    }
  }
}
