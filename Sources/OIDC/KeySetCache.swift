import Concurrency
import HTTPClient
import JOSE

/// Whether there are keys to validate a provider's tokens with.
public enum KeyState: Sendable, Equatable {
  case fresh
  /// Known keys serve although their time is up, because the provider is down.
  case stale(reason: String)
  case missing(reason: String)
}

/// The keys of one identity provider, kept for as long as the provider allows and fetched anew before their time is up.
///
/// One fetch at a time; callers whose key is known never wait for it. When the provider is down, known keys serve for
/// another day.
final class KeySetCache: Sendable {
  /// Why the provider's keys could not be fetched, and when.
  private struct Failure {
    let at: Duration
    let reason: String
  }

  private struct State {
    var keySet: JWKSet?
    var fetchedAt: Duration = .zero
    var lifetime: Duration = .zero
    /// When an unknown key last made us look.
    var lookedForUnknownKeyAt: Duration?
    /// Since the last fetch that succeeded.
    var failure: Failure?
  }

  /// Bounds on what `Cache-Control` may ask for.
  static let minimumLifetime: Duration = .seconds(60)
  static let defaultLifetime: Duration = .seconds(600)
  static let maximumLifetime: Duration = .seconds(86_400)
  /// How long keys serve after they should have been fetched anew.
  static let staleLifetime: Duration = .seconds(86_400)
  /// Keys are fetched anew this long before their time is up.
  static let refreshMargin: Duration = .seconds(15)
  /// An unknown key id makes us look for new keys, at most this often: anybody can make up key ids.
  static let unknownKeyInterval: Duration = .seconds(30)
  /// After a failed fetch no caller tries again for this long.
  static let failureInterval: Duration = .seconds(5)
  /// And whoever looks after the keys beside the requests, not for this long.
  static let retryInterval: Duration = .seconds(30)

  private let source: KeySetSource
  private let waiters: WaitLimit
  private let uptime: @Sendable () -> Duration
  private let state = Locked(State())
  private let fetches = SingleFlight<Void, TokenRefusal>()
  private let looks = SingleFlight<Void, TokenRefusal>()

  init(
    provider: Provider, http: HTTPClient, waiters: WaitLimit,
    uptime: @escaping @Sendable () -> Duration
  ) {
    source = KeySetSource(provider: provider, http: http)
    self.waiters = waiters
    self.uptime = uptime
  }

  /// The key to verify a token with, or nil if the provider has no such key.
  func key(id: String?, algorithm: SignatureAlgorithm) throws(TokenRefusal) -> PublicKey? {
    guard let keySet = servingKeys() else {
      try waiters.run(fetch)
      return servingKeys()?.key(id: id, algorithm: algorithm)
    }
    if let key = keySet.key(id: id, algorithm: algorithm) { return key }
    try waiters.run(lookForUnknownKey)
    return servingKeys()?.key(id: id, algorithm: algorithm)
  }

  /// The keys, unless they are too old even for an outage.
  private func servingKeys() -> JWKSet? {
    let now = uptime()
    return state.withLock { state in
      now - state.fetchedAt < state.lifetime + Self.staleLifetime ? state.keySet : nil
    }
  }

  /// A provider that has just changed its keys signs with one that we do not know. So may anybody: hence one look an
  /// interval, which the callers that come while it lasts share.
  private func lookForUnknownKey() throws(TokenRefusal) {
    try looks.run { () throws(TokenRefusal) in
      let now = uptime()
      let last = state.withLock(\.lookedForUnknownKeyAt)
      if let last, now - last < Self.unknownKeyInterval { return }
      // A look that fails does not count: its callers are told that the provider is down, and not that their token is bad.
      try fetch()
      state.withLock { $0.lookedForUnknownKeyAt = now }
    }
  }

  // MARK: - Fresh keys

  /// Fetches the keys if they are absent or their time is nearly up.
  func refreshIfDue() throws(KeySetSource.Failure) {
    guard timeUntilRefresh() <= .zero else { return }
    do { try fetch() } catch {
      throw KeySetSource.Failure(reason: error.reason)
    }
  }

  /// How long until `refreshIfDue` has something to do. Never more than `maximumLifetime`.
  func timeUntilRefresh() -> Duration {
    let now = uptime()
    return state.withLock { state in
      let due =
        state.keySet == nil ? .zero : state.fetchedAt + state.lifetime - Self.refreshMargin
      let retry = state.failure.map { $0.at + Self.retryInterval } ?? .zero
      return max(due, retry) - now
    }
  }

  /// Whether there are keys. Fetches them where they are absent or their time is up, unless that failed a moment ago.
  func checkState() -> KeyState {
    let now = uptime()
    let (isFresh, failure) = state.withLock { state in
      (state.keySet != nil && now - state.fetchedAt < state.lifetime, state.failure)
    }
    if isFresh { return .fresh }
    if let failure, now - failure.at < Self.retryInterval { return unavailable(failure.reason) }
    do {
      try fetch()
      return .fresh
    } catch {
      return unavailable(error.reason)
    }
  }

  private func unavailable(_ reason: String) -> KeyState {
    servingKeys() == nil ? .missing(reason: reason) : .stale(reason: reason)
  }

  // MARK: - Fetching

  /// Fetches, or shares the fetch that is under way. Callers that come just after one has ended use what it brought.
  private func fetch() throws(TokenRefusal) {
    let asked = uptime()
    try fetches.run { () throws(TokenRefusal) in
      let (fetchedAt, hasKeys, failure) = state.withLock {
        ($0.fetchedAt, $0.keySet != nil, $0.failure)
      }
      if hasKeys, fetchedAt > asked { return }
      if let failure, uptime() - failure.at < Self.failureInterval {
        throw .providerUnavailable(failure.reason)
      }
      try fetchNow()
    }
  }

  private func fetchNow() throws(TokenRefusal) {
    do {
      let (keySet, lifetime) = try source.fetch()
      let now = uptime()
      state.withLock {
        $0.keySet = keySet
        $0.fetchedAt = now
        $0.lifetime = min(
          max(lifetime ?? Self.defaultLifetime, Self.minimumLifetime), Self.maximumLifetime)
        $0.failure = nil
      }
    } catch {
      let failure = Failure(at: uptime(), reason: error.reason)
      state.withLock { $0.failure = failure }
      throw .providerUnavailable(error.reason)
    }
  }
}

extension TokenRefusal {
  /// For the log.
  fileprivate var reason: String {
    switch self {
    case .providerUnavailable(let reason): reason
    case .invalid(let fault): String(describing: fault)
    }
  }
}
