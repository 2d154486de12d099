/// A request to another host.
public struct HTTPRequest: Sendable {
  /// The methods that are used; those that change something at the host are POST and DELETE.
  public enum Method: String, Sendable {
    /// Changes nothing, and so may be repeated.
    case get = "GET"
    /// The only one that is sent with a body.
    case post = "POST"
    /// Done twice, it comes to the same.
    case delete = "DELETE"
  }

  /// Whether it asks, makes or removes something.
  public var method: Method
  /// https; http to this machine only.
  public var url: String
  /// Sent as they are.
  public var headers: [(name: String, value: String)]
  /// Sent with POST only.
  public var body: [UInt8]
  /// An answer with a longer body is given up. In bytes.
  public var maximumResponseSize: Int
  /// The path of a PEM file with the CA certificates to trust instead of the system's; nil for the system's. See
  /// `CertificateBundle.check`.
  public var certificateBundle: String?
  /// Whether the host must not get it twice. Else libcurl sends it again by itself where a connection that was kept open ends
  /// without an answer, and the host may have acted on it before. Costs a new connection.
  public var isSentOnce: Bool
  /// For the connection, TLS included.
  public var connectTimeout: Duration
  /// For everything, from name resolution to the last byte.
  public var totalTimeout: Duration

  /// By default an answer may have 1 MiB, a connection 3 seconds and everything together 10. Whether the URL is allowed is judged
  /// when it is sent.
  public init(
    _ method: Method, _ url: String, headers: [(name: String, value: String)] = [],
    body: [UInt8] = [], maximumResponseSize: Int = 1 << 20, certificateBundle: String? = nil,
    isSentOnce: Bool = false, connectTimeout: Duration = .seconds(3),
    totalTimeout: Duration = .seconds(10)
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.maximumResponseSize = maximumResponseSize
    self.certificateBundle = certificateBundle
    self.isSentOnce = isSentOnce
    self.connectTimeout = connectTimeout
    self.totalTimeout = totalTimeout
  }
}

/// The answer of another host, whatever its status.
public struct HTTPResponse: Sendable {
  /// 100 to 599. Redirects are not followed.
  public let status: Int
  /// In the order received. Names in lower case.
  public let headers: [(name: String, value: String)]
  /// As it was sent: never decompressed.
  public let body: [UInt8]

  public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The first value of a header, by its name in lower case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name == name }?.value
  }
}

/// Why there is no answer.
public enum HTTPClientError: Error, Sendable, Equatable {
  /// Not https, nor http to this machine, or no URL at all. Nothing was sent.
  case urlNotAllowed
  /// Name resolution, connection or TLS failed, or the certificate bundle cannot be used: the request did not reach the host.
  case cannotConnect(String)
  /// Time ran out. The host may have acted on the request.
  case timedOut
  /// The body is over `maximumResponseSize`, or the header lines together are over 64 KiB.
  case responseTooLarge
  /// The connection broke or the answer is not HTTP. The host may have acted on the request.
  case broken(String)
}
