/// The way to other hosts, and one of the two seams for tests.
public struct HTTPClient: Sendable {
  /// Sends a request and waits for the whole answer. Redirects are not followed and nothing is cached.
  public let send: @Sendable (HTTPRequest) throws(HTTPClientError) -> HTTPResponse

  public init(send: @escaping @Sendable (HTTPRequest) throws(HTTPClientError) -> HTTPResponse) {
    self.send = send
  }

  /// This client within a budget: each request gets what is left of the time until `deadline`, at most its own timeout, and
  /// none is sent afterwards.
  public func limited(until deadline: ContinuousClock.Instant) -> HTTPClient {
    HTTPClient { request throws(HTTPClientError) in
      let remaining = deadline - .now
      guard remaining > .zero else { throw .cannotConnect("no time was left for the request") }
      var request = request
      request.totalTimeout = min(request.totalTimeout, remaining)
      return try send(request)
    }
  }

  /// A client over libcurl that keeps connections open for the next request. Make one per process.
  ///
  /// - Parameter isCancelled: asked now and then, at least once a second. As soon as it says so, the requests under way end
  ///   with `broken`, and none is sent any more.
  public static func curl(isCancelled: @escaping @Sendable () -> Bool = { false }) -> HTTPClient {
    let handles = CurlHandles(isCancelled: isCancelled)
    return HTTPClient { request throws(HTTPClientError) in
      guard URLRule.isAllowed(request.url) else { throw .urlNotAllowed }
      guard !isCancelled() else { throw .cannotConnect("the program is about to end") }
      return try handles.send(request)
    }
  }
}
