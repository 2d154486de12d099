/// What a request that may have to wait is offered.
public enum Turn: Sendable, Equatable {
  /// Others wait already. Where it needs what they wait for it must wait behind them.
  case behindOthers
  /// It may have what it needs, or wait for it.
  case next
  /// It cannot wait, or cannot any longer.
  case last
  /// As many wait already as may. Where it needs what they wait for it must do without.
  case turnedAway

  /// Whether the request may have what others wait for.
  public var comesNext: Bool { self == .next || self == .last }
  /// Whether it may wait for it.
  public var mayWait: Bool { self == .next || self == .behindOthers }
}

/// The application behind a worker pool. Its methods are called from many threads at once.
public protocol RequestHandler: Sendable {
  /// How many bytes of body this request may have; no more than `WorkerPool.Options.bodyLimit`.
  func bodyLimit(for parameters: Parameters) -> Int

  /// Answers a request. There is no way to throw: an application turns its errors into answers.
  func respond(to request: Request) -> Response

  /// The same for an application whose requests may have to wait for something that only some can have at a time: returns nil
  /// for one that has to, having changed nothing. The request is kept without a thread and offered again. Not nil where
  /// `turn.mayWait` is false.
  func respond(to request: Request, turn: Turn) -> Response?

  /// Whether there may be now what requests wait for. Asked after each request, while others wait.
  var hasTurn: Bool { get }

  /// Called after the web server went away before it had read the whole answer.
  func didNotDeliver(_ response: Response, to request: Request)
}

extension RequestHandler {
  public func bodyLimit(for parameters: Parameters) -> Int { WorkerPool.Options.defaultBodyLimit }

  public func respond(to request: Request, turn: Turn) -> Response? { respond(to: request) }

  public var hasTurn: Bool { true }

  public func didNotDeliver(_ response: Response, to request: Request) {}
}
