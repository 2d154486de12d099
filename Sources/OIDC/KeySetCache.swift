import Concurrency
import Foundation
import HTTPClient
import JOSE
import StrictJSON

/// The keys of one identity provider, fetched when they are needed and kept for as long as the provider allows.
///
/// One fetch at a time; callers whose key is known never wait for it. When the provider is down, known keys serve for
/// another day.
final class KeySetCache: Sendable {
  private struct State {
    var keySet: JWKSet?
    var fetchedAt: Duration = .zero
    var lifetime: Duration = .zero
    var isRefreshingBehind = false
    /// When an unknown key last made us look.
    var lookedForUnknownKeyAt: Duration?
    var failure: (at: Duration, reason: String)?
  }

  /// Bounds on what `Cache-Control` may ask for.
  static let minimumLifetime: Duration = .seconds(60)
  static let defaultLifetime: Duration = .seconds(600)
  static let maximumLifetime: Duration = .seconds(86_400)
  /// How long keys serve after they should have been fetched anew.
  static let staleLifetime: Duration = .seconds(86_400)
  /// An unknown key id makes us look for new keys, at most this often: anybody can make up key ids.
  static let unknownKeyInterval: Duration = .seconds(30)
  /// After a failed fetch nobody tries again for this long.
  static let failureInterval: Duration = .seconds(5)

  private let source: KeySetSource
  private let uptime: @Sendable () -> Duration
  private let state = Locked(State())
  private let fetches = SingleFlight<Void, TokenRefusal>()
  private let looks = SingleFlight<Void, TokenRefusal>()

  init(provider: Provider, http: HTTPClient, uptime: @escaping @Sendable () -> Duration) {
    source = KeySetSource(provider: provider, http: http)
    self.uptime = uptime
  }

  /// The key to verify a token with, or nil if the provider has no such key.
  func key(id: String?, algorithm: SignatureAlgorithm) throws(TokenRefusal) -> PublicKey? {
    let (keySet, age, lifetime) = snapshot()
    guard let keySet, age < lifetime + Self.staleLifetime else {
      try fetch()
      return snapshot().keySet?.key(id: id, algorithm: algorithm)
    }
    if let key = keySet.key(id: id, algorithm: algorithm) {
      if age >= lifetime { refreshBehind() }
      return key
    }
    try lookForUnknownKey()
    return snapshot().keySet?.key(id: id, algorithm: algorithm)
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

  func checkAvailable() throws(TokenRefusal) {
    let (keySet, age, lifetime) = snapshot()
    guard keySet == nil || age >= lifetime else { return }
    try fetch()
  }

  private func snapshot() -> (keySet: JWKSet?, age: Duration, lifetime: Duration) {
    let now = uptime()
    return state.withLock { ($0.keySet, now - $0.fetchedAt, $0.lifetime) }
  }

  private func refreshBehind() {
    let now = uptime()
    let isDue = state.withLock { state in
      if let failure = state.failure, now - failure.at < Self.failureInterval { return false }
      defer { state.isRefreshingBehind = true }
      return !state.isRefreshingBehind
    }
    guard isDue else { return }
    Thread.detachNewThread { [self] in
      // A failure is remembered in the state, and the next caller tries again.
      _ = try? fetch()
      state.withLock { $0.isRefreshingBehind = false }
    }
  }

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
      let now = uptime()
      state.withLock { $0.failure = (now, error.reason) }
      throw .providerUnavailable(error.reason)
    }
  }
}
