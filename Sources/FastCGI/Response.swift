/// An answer to a request.
public struct Response: Sendable, Equatable {
  /// 200 to 599.
  public var status: Int
  /// In this order; repeated ones stay repeated.
  public var headers: [Header]
  /// In bytes as they go out. Its length is told to the web server.
  public var body: [UInt8]

  /// A line of the head. Control characters are left out when it is written.
  public struct Header: Sendable, Equatable {
    /// As it is written; compared without regard to case.
    public var name: String
    /// In UTF-8.
    public var value: String

    /// A header of this name with this value.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(status: Int, headers: [Header] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The first value of the header of this name, which is compared without regard to case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The status's own name (RFC 9110 section 15; RFC 6585 for 429), or of its class where that is not one we send.
  public static func reasonPhrase(of status: Int) -> String {
    switch status {
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 304: "Not Modified"
    case 200..<300: "OK"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 409: "Conflict"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 300..<500: "Bad Request"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    default: "Internal Server Error"
    }
  }

  /// The CGI response (RFC 3875 section 6): status and headers, an empty line, the body.
  /// Control characters are dropped from header values, so that no value can start another header.
  var serialized: [UInt8] {
    var bytes = Array("Status: \(status) \(Self.reasonPhrase(of: status))\r\n".utf8)
    bytes.reserveCapacity(1024 + body.count)
    for header in headers {
      bytes += header.name.utf8
      bytes += ": ".utf8
      // No byte of a character beyond ASCII is below 0x80.
      bytes += header.value.utf8.lazy.filter { $0 >= 0x20 && $0 != 0x7F }
      bytes += "\r\n".utf8
    }
    bytes += "\r\n".utf8
    bytes += body
    return bytes
  }
}
