import Glibc

/// The eight bytes at the start of every FastCGI record.
enum RecordHeader {
  /// What the first bytes on a connection are.
  enum Start {
    /// A record that begins a request.
    case beginRequest
    case nothingYet
    /// The peer has gone, or speaks something else. A management record is also foreign here: libfcgi 2.4.2 overflows
    /// its stack on some of them, and no web server sends any.
    case foreign
  }

  private static let size = 8
  private static let version: UInt8 = 1
  private static let beginRequestType: UInt8 = 1

  /// Looks at the start of a connection without consuming anything. A header that arrives in pieces counts as foreign:
  /// web servers write it whole.
  static func peek(_ descriptor: Int32) -> Start {
    var bytes = [UInt8](repeating: 0, count: size)
    let flags = Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)
    let count = recv(descriptor, &bytes, size, flags)
    if count < 0, errno == EAGAIN || errno == EINTR { return .nothingYet }
    let requestID = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    guard count == size, bytes[0] == version, bytes[1] == beginRequestType, requestID != 0 else {
      return .foreign
    }
    return .beginRequest
  }
}
