import Glibc

/// Where systemd listens for news of this process: a datagram of `NAME=value` lines, as sd_notify(3) describes it.
public struct NotificationSocket: Sendable {
  /// Why news cannot be sent.
  public struct Failure: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// How long a datagram may wait for room in systemd's queue.
  private static let patience = timeval(tv_sec: 5, tv_usec: 0)

  /// The file system's path, or an abstract name with a zero byte before it (unix(7)).
  private let path: [UInt8]

  /// - Parameter address: `/path` or `@name`, as `NOTIFY_SOCKET` has it.
  /// - Throws: where it is neither, or too long.
  public init(address: String) throws(Failure) {
    var bytes = Array(address.utf8)
    guard bytes.count > 1, bytes[0] == UInt8(ascii: "/") || bytes[0] == UInt8(ascii: "@") else {
      throw Failure(description: "NOTIFY_SOCKET must be a path or an @ and a name, not \(address)")
    }
    if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
    // A path is followed by a zero byte in the address.
    guard bytes.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else {
      throw Failure(description: "NOTIFY_SOCKET is too long for the address of a socket")
    }
    path = bytes
  }

  /// Sends one datagram. Waits for no longer than five seconds.
  public func send(_ notices: [Notice]) throws(Failure) {
    let descriptor = socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Self.failure("socket") }
    defer { close(descriptor) }
    var patience = Self.patience
    setsockopt(
      descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let message = Array(notices.map(\.line).joined(separator: "\n").utf8)
    let sent = withAddress { address, size in
      sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), address, size)
    }
    guard sent == message.count else { throw Self.failure("sendto") }
  }

  private static func failure(_ call: String) -> Failure {
    Failure(description: "\(call): \(String(cString: strerror(errno)))")
  }

  private func withAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let isAbstract = path[0] == 0
    // The whole of what is counted belongs to an abstract name, zero bytes at its end too.
    let nameOffset = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 0
    let size = socklen_t(nameOffset + path.count + (isAbstract ? 0 : 1))
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }
}
