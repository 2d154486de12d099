import Concurrency
import HTTPClient
import JOSE

/// Whether there are keys to validate a provider's tokens with.
public enum KeyState: Sendable, Equatable {
  /// Keys are known and their time is not up.
  case fresh
  /// Known keys serve although their time is up, because the provider is down.
  case stale(reason: String)
  /// There are none: its callers get 503.
  case missing(reason: String)
}

/// The keys of one identity provider, kept for as long as the provider allows and fetched anew before their time is up.
///
/// One fetch at a time; callers whose key is known do not wait for it. When the provider is down, known keys serve until
/// they are a day old.
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
    var looksBegun = 0
    /// Since the last fetch that succeeded.
    var failure: Failure?
    /// Fetches are numbered from 1, in the order in which they begin.
    var lastBegun = 0
    var lastSucceeded = 0

    /// The keys, unless they are too old even for an outage.
    func servingKeys(at now: Duration) -> JWKSet? {
      now - fetchedAt < KeySetCache.maximumAge ? keySet : nil
    }

    /// From then on they should be fetched anew: early enough for some attempts before their time is up.
    var refreshesFrom: Duration { keySet == nil ? .zero : fetchedAt + lifetime * 3 / 4 }
  }

  /// Bounds on what `Cache-Control` may ask for.
  static let minimumLifetime: Duration = .seconds(60)
  static let defaultLifetime: Duration = .seconds(600)
  static let maximumLifetime: Duration = .seconds(86_400)
  /// The age up to which keys serve while their provider is down.
  static let maximumAge: Duration = .seconds(86_400)
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
    let hasFetched = try fetchIfOverdue()
    if let key = servingKeys()?.key(id: id, algorithm: algorithm) { return key }
    guard !hasFetched else { return nil }
    try waiters.run(orThrow: .tooManyWaiting, lookForUnknownKey)
    return servingKeys()?.key(id: id, algorithm: algorithm)
  }

  /// Fetches where there are no keys, and where their time is up and nobody has found the provider down of late: then what
  /// calls `refreshIfDue` is not at work, and a key that was taken away must not serve unnoticed.
  ///
  /// Returns whether that brought what the provider has now: a fetch that was under way before need not.
  private func fetchIfOverdue() throws(TokenRefusal) -> Bool {
    let now = uptime()
    let (hasKeys, isOverdue, begun, succeeded) = state.withLock { state in
      let hasFailedOfLate = state.failure.map { now - $0.at < Self.retryInterval } ?? false
      return (
        state.servingKeys(at: now) != nil,
        now - state.fetchedAt >= state.lifetime && !hasFailedOfLate, state.lastBegun,
        state.lastSucceeded
      )
    }
    guard isOverdue || !hasKeys else { return false }
    do {
      try waiters.run(orThrow: .tooManyWaiting) { () throws(TokenRefusal) in
        try fetch(after: succeeded)
      }
    } catch {
      guard hasKeys else { throw error }
    }
    return state.withLock { $0.lastSucceeded > begun }
  }

  private func servingKeys() -> JWKSet? {
    let now = uptime()
    return state.withLock { $0.servingKeys(at: now) }
  }

  /// A provider that has just changed its keys signs with one that we do not know. So may anybody: hence one look an
  /// interval, which the callers that come while it lasts share.
  private func lookForUnknownKey() throws(TokenRefusal) {
    try looks.run { () throws(TokenRefusal) in
      let now = uptime()
      let (isDue, begun, failure) = state.withLock { state in
        let last = state.lookedForUnknownKeyAt
        let isDue = last.map { now - $0 >= Self.unknownKeyInterval } ?? true
        if isDue {
          state.lookedForUnknownKeyAt = now
          state.looksBegun += 1
        }
        return (isDue, state.lastBegun, state.failure)
      }
      // A fetch that was under way before may bring what the provider had before.
      if isDue { return try fetch(after: begun) }
      // Where the last look failed, the callers are told that the provider is down, and not that their token is bad.
      if let failure { throw .providerUnavailable(failure.reason) }
    }
  }

  var looksBegun: Int { state.withLock(\.looksBegun) }

  /// The ids of the keys that can be used. For admins.
  var keyIDs: [String] { servingKeys()?.keys.map { $0.keyID ?? "(no kid)" } ?? [] }

  // MARK: - Fresh keys

  /// Fetches the keys if they are absent or most of their time has passed.
  func refreshIfDue() throws(TokenRefusal) {
    let succeeded = state.withLock(\.lastSucceeded)
    guard timeUntilRefresh() <= .zero else { return }
    try fetch(after: succeeded)
  }

  /// How long until `refreshIfDue` has something to do.
  func timeUntilRefresh() -> Duration {
    let now = uptime()
    return state.withLock { state in
      // Sooner where the keys do not keep for long.
      let pause = min(Self.retryInterval, max(Self.failureInterval, state.lifetime / 8))
      let retry = state.failure.map { $0.at + pause } ?? .zero
      return max(state.refreshesFrom, retry) - now
    }
  }

  /// Whether the last attempt to fetch the keys failed.
  var isFailing: Bool { state.withLock { $0.failure != nil } }

  /// Whether there are keys. Fetches them where they are absent or should be fetched anew, unless that failed a moment ago.
  func checkState() -> KeyState {
    let now = uptime()
    let (isDue, failure, succeeded) = state.withLock { state in
      (now >= state.refreshesFrom, state.failure, state.lastSucceeded)
    }
    if isDue {
      if let failure, now - failure.at < Self.retryInterval { return unavailable(failure.reason) }
      do { try fetch(after: succeeded) } catch { return unavailable(error.reason) }
    }
    let isEmpty = servingKeys()?.keys.isEmpty ?? true
    return isEmpty ? .missing(reason: "the key set has no usable key") : .fresh
  }

  private func unavailable(_ reason: String) -> KeyState {
    servingKeys()?.keys.isEmpty ?? true ? .missing(reason: reason) : .stale(reason: reason)
  }

  // MARK: - Fetching

  /// Fetches, or shares the fetch that is under way, until one of a higher number has succeeded.
  private func fetch(after number: Int) throws(TokenRefusal) {
    while state.withLock(\.lastSucceeded) <= number {
      try fetches.run { () throws(TokenRefusal) in
        let (succeeded, failure) = state.withLock { ($0.lastSucceeded, $0.failure) }
        if succeeded > number { return }
        if let failure, uptime() - failure.at < Self.failureInterval {
          throw .providerUnavailable(failure.reason)
        }
        try fetchNow()
      }
    }
  }

  private func fetchNow() throws(TokenRefusal) {
    let start = uptime()
    let number = state.withLock { state in
      state.lastBegun += 1
      return state.lastBegun
    }
    do {
      let (keySet, lifetime) = try source.fetch()
      state.withLock {
        $0.keySet = keySet
        $0.fetchedAt = start
        $0.lifetime = Self.bounded(lifetime, of: keySet)
        $0.failure = nil
        $0.lastSucceeded = number
      }
    } catch {
      let failure = Failure(at: uptime(), reason: error.reason)
      state.withLock { $0.failure = failure }
      throw .providerUnavailable(error.reason)
    }
  }
}

extension KeySetCache {
  /// A set without keys may be a mistake, which should not last.
  private static func bounded(_ lifetime: Duration?, of keySet: JWKSet) -> Duration {
    guard !keySet.keys.isEmpty else { return minimumLifetime }
    return min(max(lifetime ?? defaultLifetime, minimumLifetime), maximumLifetime)
  }
}

extension TokenRefusal {
  /// For the log.
  var reason: String {
    switch self {
    case .providerUnavailable(let reason): reason
    case .tooManyWaiting: "too many callers wait for its keys"
    case .invalid(let fault): String(describing: fault)
    }
  }
}
