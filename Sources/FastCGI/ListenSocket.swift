import CLinux
import Glibc

/// A system call that failed.
public struct SystemCallError: Error, CustomStringConvertible {
  /// The name of the system call.
  public let call: String
  /// `errno` after it.
  public let code: Int32

  init(_ call: String, code: Int32 = errno) {
    self.call = call
    self.code = code
  }

  public var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// A listening unix socket that worker processes accept connections from.
public struct ListenSocket: Sendable {
  let descriptor: Int32
  /// The path to remove at the end, where this process made the socket.
  let ownedPath: String?

  /// The socket that whoever started this process left on standard input: a systemd socket unit with
  /// `StandardInput=socket`, or `spawn-fcgi`. Any number of processes may share it.
  public static func standardInput() throws -> ListenSocket {
    var isListening: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0,
      isListening == 1
    else {
      throw SystemCallError("standard input is not a listening socket", code: ENOTSOCK)
    }
    return try shared(STDIN_FILENO)
  }

  /// A listening socket that others accept from as well.
  static func shared(_ descriptor: Int32) throws -> ListenSocket {
    try makeNonBlocking(descriptor)
    try limitWaiting(descriptor)
    return ListenSocket(descriptor: descriptor, ownedPath: nil)
  }

  /// Makes a socket at `path`, for the owner and the group only, in place of a dead one that an earlier process left.
  /// A path on which somebody still listens is refused: two owners of a path would take requests from each other. So is
  /// a path where something else than a socket lies.
  public static func bound(to path: String, backlog: Int32 = 4096) throws -> ListenSocket {
    try removeDeadSocket(path)
    let descriptor = socket(AF_UNIX, shim_sock_stream, 0)
    guard descriptor >= 0 else { throw SystemCallError("socket") }
    do {
      let mask = umask(0o117)
      defer { umask(mask) }
      try withAddress(path) { address, size in
        guard bind(descriptor, address, size) == 0 else { throw SystemCallError("bind \(path)") }
      }
      guard listen(descriptor, backlog) == 0 else { throw SystemCallError("listen \(path)") }
    } catch {
      close(descriptor)
      throw error
    }
    return ListenSocket(descriptor: descriptor, ownedPath: path)
  }

  private static func removeDeadSocket(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK, try isDead(path) else {
      throw SystemCallError("bind \(path)", code: EADDRINUSE)
    }
    unlink(path)
  }

  /// Whether nobody listens. Any answer but a refusal is taken for a sign of life: a full backlog, for example.
  private static func isDead(_ path: String) throws -> Bool {
    let probe = socket(AF_UNIX, shim_sock_stream, 0)
    guard probe >= 0 else { throw SystemCallError("socket") }
    defer { close(probe) }
    return try withAddress(path) { connect(probe, $0, $1) != 0 && errno == ECONNREFUSED }
  }

  private static func makeNonBlocking(_ descriptor: Int32) throws {
    let flags = fcntl(descriptor, F_GETFL)
    guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
      throw SystemCallError("fcntl")
    }
  }

  /// Sees to it that accepting hardly waits even where the descriptor is made a blocking one again. systemd does that for
  /// every process that it starts with the socket as its standard input, and the flag is shared by all that have it: a
  /// thread that finds the connection taken by another process would wait for the next one, and hold up its own process.
  private static func limitWaiting(_ descriptor: Int32) throws {
    // The shortest that the kernel knows, about four milliseconds.
    var time = timeval(tv_sec: 0, tv_usec: 1)
    let size = socklen_t(MemoryLayout<timeval>.size)
    guard setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size) == 0 else {
      throw SystemCallError("setsockopt")
    }
  }

  private static func withAddress<Result>(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
  ) throws -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw SystemCallError("bind \(path)", code: ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
