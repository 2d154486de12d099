import Glibc

/// What systemd would be: a datagram socket that others send to.
public final class NotificationListener {
  public struct Failure: Error {}

  private let descriptor: Int32
  private let path: String?
  /// As `NOTIFY_SOCKET` would have it.
  public let address: String

  /// A socket in the file system, or one with an abstract name.
  public init(isAbstract: Bool = false) throws {
    let name = "/tmp/\(UInt64.random(in: 0 ... .max)).notify"
    address = isAbstract ? "@" + name : name
    path = isAbstract ? nil : name
    descriptor = socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = (isAbstract ? [0] : []) + Array(name.utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let size = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
    let outcome = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(size))
      }
    }
    guard outcome == 0 else { throw Failure() }
  }

  deinit {
    close(descriptor)
    if let path { unlink(path) }
  }

  /// Every datagram that is there. A local one is there as soon as it is sent.
  public func received() -> [String] {
    var datagrams: [String] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)),
      count >= 0
    {
      datagrams.append(String(decoding: buffer[..<count], as: UTF8.self))
    }
    return datagrams
  }
}
