import Foundation
import HTTPClient

/// The way of one request to GitHub and of its answer: repeated where that does no harm, redirected within GitHub, not sent
/// while GitHub is known to be down, and all of it within a budget of time.
struct GitHubTransport: Sendable {
  private let origin: Origin?
  private let http: HTTPClient
  private let breaker: CircuitBreaker
  private let sleep: @Sendable (Duration) -> Void
  private var deadline: ContinuousClock.Instant?

  /// - Parameters:
  ///   - apiURL: the requests' tokens go to its scheme, host and port only.
  ///   - http: what sends.
  ///   - breaker: of this host; shared by all copies.
  ///   - sleep: waits that long.
  init(
    apiURL: String, http: HTTPClient, breaker: CircuitBreaker,
    sleep: @escaping @Sendable (Duration) -> Void
  ) {
    origin = Origin(apiURL)
    self.http = http
    self.breaker = breaker
    self.sleep = sleep
  }

  func limited(until deadline: ContinuousClock.Instant) -> GitHubTransport {
    var transport = self
    transport.deadline = min(deadline, self.deadline ?? deadline)
    return transport
  }

  /// Waits, unless that leaves no time for a request afterwards. Returns whether it did.
  func pause(_ duration: Duration) -> Bool {
    if let timeLeft, timeLeft < duration + RetryPolicy.minimumTime { return false }
    sleep(duration)
    return true
  }

  /// - Parameters:
  ///   - request: refused unless it goes to the API's own scheme, host and port.
  ///   - isRepeatable: whether doing twice what it asks for does no harm.
  func send(_ request: HTTPRequest, isRepeatable: Bool) throws(GitHubError) -> HTTPResponse {
    guard let origin, Origin(request.url) == origin else {
      throw .redirectRefused("away from the API's own address")
    }
    var request = request
    request.isSentOnce = !isRepeatable
    let pass = try breaker.enter()
    // A probe is one request: it asks whether GitHub works, and not until it does.
    let result = attempt(
      request, isRepeatable: isRepeatable, maximum: pass.isProbe ? 1 : RetryPolicy.maximumAttempts)
    breaker.leave(pass, result.outcome)
    return try result.answer.get()
  }

  private struct Attempted {
    let answer: Result<HTTPResponse, GitHubError>
    let outcome: Circuit.Outcome
  }

  private func attempt(_ request: HTTPRequest, isRepeatable: Bool, maximum: Int) -> Attempted {
    var attempts = 0
    while true {
      let timeLeft = timeLeft
      let answer = Result { () throws(GitHubError) in try follow(request) }
      attempts += 1
      let attempted = Attempted(answer: answer, outcome: Self.outcome(answer, timeLeft: timeLeft))
      guard attempts < maximum, let failure = Self.failure(answer),
        let pause = RetryPolicy.pause(
          after: failure, attempts: attempts, isRepeatable: isRepeatable, timeLeft: self.timeLeft,
          jitter: .random(in: 0...1))
      else { return attempted }
      sleep(pause)
    }
  }

  /// Sends a request, and again to where it is redirected.
  private func follow(_ request: HTTPRequest) throws(GitHubError) -> HTTPResponse {
    var request = request
    for _ in 0...Redirect.maximum {
      let response = try exchange(request)
      guard let next = try Redirect.next(after: response, to: request, within: origin) else {
        return response
      }
      request = next
    }
    throw .redirectRefused("more than \(Redirect.maximum) times in a row")
  }

  private func exchange(_ request: HTTPRequest) throws(GitHubError) -> HTTPResponse {
    let http = deadline.map(http.limited) ?? http
    do { return try http.send(request) } catch {
      switch error {
      case .cannotConnect(let reason): throw .unavailable(reason, mayHaveActed: false)
      case .urlNotAllowed: throw .redirectRefused("to a URL that is not allowed")
      case .timedOut: throw .unavailable("timed out", mayHaveActed: true)
      case .broken(let reason): throw .unavailable(reason, mayHaveActed: true)
      case .responseTooLarge: throw .unreadableAnswer("the answer is too large")
      }
    }
  }

  private var timeLeft: Duration? { deadline.map { $0 - .now } }

  /// What may be worth another attempt: no answer, or one that says that GitHub is in trouble.
  private static func failure(
    _ answer: Result<HTTPResponse, GitHubError>
  ) -> RetryPolicy.Failure? {
    switch answer {
    case .success(let response) where [500, 502, 503, 504].contains(response.status):
      RetryPolicy.Failure(mayHaveActed: true, retryAfter: response.retryAfter)
    case .failure(.unavailable(_, let mayHaveActed, let retryAfter)):
      RetryPolicy.Failure(mayHaveActed: mayHaveActed, retryAfter: retryAfter)
    default: nil
    }
  }

  /// - Parameter timeLeft: when the attempt began. One that had hardly any says nothing about GitHub.
  private static func outcome(
    _ answer: Result<HTTPResponse, GitHubError>, timeLeft: Duration?
  ) -> Circuit.Outcome {
    switch answer {
    case .success(let response): response.status < 500 ? .working : .failing
    case .failure(.unavailable): timeLeft ?? .seconds(60) < .seconds(2) ? .unknown : .failing
    case .failure: .working
    }
  }
}
