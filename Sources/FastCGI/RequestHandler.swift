/// The application behind a worker pool. Its methods are called from many threads at once.
public protocol RequestHandler: Sendable {
  /// How many bytes of body this request may have; no more than `WorkerPool.Options.bodyLimit`.
  func bodyLimit(for parameters: Parameters) -> Int

  /// Answers a request. There is no way to throw: an application turns its errors into answers.
  func respond(to request: Request) -> Response

  /// Called after the web server went away before it had read the whole answer.
  func didNotDeliver(_ response: Response, to request: Request)
}

extension RequestHandler {
  public func bodyLimit(for parameters: Parameters) -> Int { WorkerPool.Options.defaultBodyLimit }

  public func didNotDeliver(_ response: Response, to request: Request) {}
}
