import Glibc

/// FastCGI records as a web server, or somebody who pretends to be one, writes them.
enum Record {
  static let beginRequest: UInt8 = 1
  static let abortRequest: UInt8 = 2
  static let endRequest: UInt8 = 3
  static let params: UInt8 = 4
  static let stdin: UInt8 = 5
  static let stdout: UInt8 = 6
  static let getValues: UInt8 = 9

  static func encode(
    _ type: UInt8, _ content: [UInt8] = [], id: UInt16 = 1, version: UInt8 = 1, padding: UInt8 = 0
  ) -> [UInt8] {
    [
      version, type, UInt8(id >> 8), UInt8(id & 0xFF), UInt8(content.count >> 8),
      UInt8(content.count & 0xFF), padding, 0,
    ] + content + [UInt8](repeating: 0, count: Int(padding))
  }

  static func begin(id: UInt16 = 1, role: UInt8 = 1, keepConnection: Bool = false) -> [UInt8] {
    encode(beginRequest, [0, role, keepConnection ? 1 : 0, 0, 0, 0, 0, 0], id: id)
  }

  /// A stream in as many records as it needs, with the empty one that ends it.
  static func stream(_ type: UInt8, _ content: [UInt8], id: UInt16 = 1) -> [UInt8] {
    var records: [UInt8] = []
    var rest = content[...]
    while !rest.isEmpty {
      records += encode(type, Array(rest.prefix(0xFFFF)), id: id)
      rest = rest.dropFirst(0xFFFF)
    }
    return records + encode(type, id: id)
  }

  static func pair(_ name: [UInt8], _ value: [UInt8]) -> [UInt8] {
    func length(_ count: Int) -> [UInt8] {
      guard count > 127 else { return [UInt8(count)] }
      return [
        UInt8(count >> 24) | 0x80, UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF),
        UInt8(count & 0xFF),
      ]
    }
    return length(name.count) + length(value.count) + name + value
  }

  static func pairs(_ parameters: [(String, String)]) -> [UInt8] {
    parameters.flatMap { pair(Array($0.0.utf8), Array($0.1.utf8)) }
  }

  /// A whole request. `CONTENT_LENGTH` is the caller's to add.
  static func request(
    _ parameters: [(String, String)], body: [UInt8] = [], id: UInt16 = 1,
    keepConnection: Bool = false
  ) -> [UInt8] {
    begin(id: id, keepConnection: keepConnection) + stream(params, pairs(parameters), id: id)
      + stream(stdin, body, id: id)
  }

  static func get(_ uri: String = "/") -> [UInt8] {
    request([("REQUEST_METHOD", "GET"), ("REQUEST_URI", uri), ("CONTENT_LENGTH", "")])
  }

  static func post(_ body: [UInt8], length: String? = nil) -> [UInt8] {
    request(
      [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", length ?? String(body.count))], body: body)
  }
}

/// What came back on a connection until it ended.
struct Answer {
  /// Every record's type and request id.
  private(set) var records: [(type: UInt8, id: UInt16)] = []
  /// The content of the STDOUT stream: a CGI response.
  private(set) var output: [UInt8] = []
  /// Whether the bytes were whole records of version 1.
  private(set) var isWellFormed = true

  init(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let header = Array(rest.prefix(8))
      guard header.count == 8, header[0] == 1 else {
        isWellFormed = false
        return
      }
      let length = Int(header[4]) << 8 | Int(header[5])
      rest = rest.dropFirst(8)
      guard rest.count >= length + Int(header[6]) else {
        isWellFormed = false
        return
      }
      records.append((header[1], UInt16(header[2]) << 8 | UInt16(header[3])))
      if header[1] == Record.stdout { output += rest.prefix(length) }
      rest = rest.dropFirst(length + Int(header[6]))
    }
  }

  var isEmpty: Bool { records.isEmpty }

  /// Ended as a request ends: whole records, exactly one END_REQUEST, at the end.
  var isComplete: Bool {
    isWellFormed && records.last?.type == Record.endRequest
      && records.count { $0.type == Record.endRequest } == 1
  }

  private var endOfHead: Range<Int>? { output.firstRange(of: Array("\r\n\r\n".utf8)) }

  /// The lines of the head, `Status` first.
  var head: [String] {
    guard let end = endOfHead else { return [] }
    return String(decoding: output[..<end.lowerBound], as: UTF8.self)
      .split(separator: "\r\n").map(String.init)
  }

  var status: String? { isComplete ? head.first : nil }

  var body: [UInt8] {
    guard let end = endOfHead else { return [] }
    return Array(output[end.upperBound...])
  }
}

struct ClientError: Error {
  let call: String
  let code = errno
}

/// One connection to a pool.
final class Client: @unchecked Sendable {
  let descriptor: Int32
  /// Whether the other side closed with bytes of ours unread; nginx then takes an answer for broken off.
  private(set) var wasReset = false

  /// Reading gives up after this many seconds, so that a hang is a failure and not an endless run.
  init(path: String, patience: Int = 30) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw ClientError(call: "socket") }
    var timeout = timeval(tv_sec: patience, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, size)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else { throw ClientError(call: "connect") }
  }

  deinit { close(descriptor) }

  /// Sends all of `bytes`. False where the other side has hung up.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Reads until the other side ends the connection.
  func readToEnd() throws -> Answer {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count > 0 { bytes += chunk[..<count] }
      // Unread bytes of ours make the end of the connection a reset.
      wasReset = count < 0 && errno == ECONNRESET
      if count == 0 || wasReset { return Answer(bytes) }
      guard count > 0 else { throw ClientError(call: "recv") }
    }
  }
}
