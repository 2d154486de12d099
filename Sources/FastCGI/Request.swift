/// One request as the web server passed it on.
public struct Request: Sendable {
  /// The CGI variables, headers among them as `HTTP_…`.
  public let parameters: Parameters
  /// Read to its end before the handler gets the request.
  public let body: Body
  /// When the last of it had been read. It may have waited since.
  public let receivedAt: ContinuousClock.Instant

  /// A request that was there by `receivedAt`.
  public init(
    parameters: Parameters, body: Body, receivedAt: ContinuousClock.Instant = .now
  ) {
    self.parameters = parameters
    self.body = body
    self.receivedAt = receivedAt
  }

  /// The request body, or why there is none to use.
  public enum Body: Sendable, Equatable {
    /// Every byte that `CONTENT_LENGTH` announced.
    case complete([UInt8])
    /// Longer than the handler's limit in bytes. It was not read to its end.
    case tooLarge(limit: Int)
    /// Its length is not the announced one, or the announcement is not a number.
    case malformed
  }
}

/// The CGI variables of a request, in the order in which they came. The web server sends repeated headers as repeated
/// variables, so a name may occur more than once.
public struct Parameters: Sendable {
  private let pairs: [(name: String, value: String)]

  /// As they came; a name may be there more than once.
  public init(_ pairs: [(name: String, value: String)]) {
    self.pairs = pairs
  }

  /// The first value under this name. Bytes that are not UTF-8 have been replaced by U+FFFD.
  public subscript(name: String) -> String? {
    pairs.first { $0.name == name }?.value
  }

  /// Every value under this name.
  public func all(_ name: String) -> [String] {
    pairs.filter { $0.name == name }.map(\.value)
  }

  /// `REQUEST_METHOD`; empty where the web server sent none.
  public var method: String { self["REQUEST_METHOD"] ?? "" }

  /// `REQUEST_URI`: path and query as the client wrote them, not decoded.
  public var requestURI: String { self["REQUEST_URI"] ?? "" }
}
