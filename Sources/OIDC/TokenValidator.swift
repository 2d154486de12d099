public import Concurrency
public import Foundation
public import HTTPClient
public import JOSE
import StrictJSON

/// Decides whether a bearer token proves who sent it.
public struct TokenValidator: Sendable {
  /// Bytes of the whole token.
  public static let maximumTokenSize = 8192

  /// What is asked of tokens and of callers beside what the providers say.
  public struct Options: Sendable {
    /// Refuses tokens without a usable `jti`.
    public var requiresTokenID = false
    /// Claims that the caller of `validate` reads, beside those of the standard and the providers' own.
    public var otherClaims: [String] = []
    /// How many threads may wait for providers at a time; at least 1.
    public var maximumWaiters = Int.max

    /// As the defaults have it.
    public init() {}
  }

  private struct Issuer {
    let provider: Provider
    let keySets: KeySetCache
    let claimNames: ClaimNames

    /// Returns how long until there is something to do again.
    func refreshKeys(
      isDown: inout Bool, failed: (_ provider: String, _ reason: String) -> Void,
      recovered: (_ provider: String) -> Void
    ) -> Duration {
      do { try keySets.refreshIfDue() } catch { failed(provider.name, error.reason) }
      // Others fetch too, so the state says more than this attempt.
      let wasDown = isDown
      isDown = keySets.isFailing
      if wasDown, !isDown { recovered(provider.name) }
      return keySets.timeUntilRefresh()
    }
  }

  private let issuers: [Issuer]
  private let allowedAlgorithms: Set<SignatureAlgorithm>
  private let requiresTokenID: Bool
  private let verifiedSignatures: VerifiedSignatures
  private let uptime: @Sendable () -> Duration

  /// `uptime` is a clock that never steps, for the age of keys. No two providers have the same issuer.
  /// Throws `cryptography` where the system has no random bytes.
  public init(
    providers: [Provider], http: HTTPClient, options: Options = Options(),
    uptime: @escaping @Sendable () -> Duration = Uptime.ofProcess
  ) throws(JOSEError) {
    let waiters = WaitLimit(options.maximumWaiters)
    // One provider that hangs leaves the others half of the places.
    let share = providers.count > 1 ? max(1, options.maximumWaiters / 2) : options.maximumWaiters
    issuers = providers.map { provider in
      Issuer(
        provider: provider,
        keySets: KeySetCache(
          provider: provider, http: http, waiters: WaitLimit(share, within: waiters),
          uptime: uptime),
        claimNames: ClaimNames(readFrom: provider, and: options.otherClaims))
    }
    allowedAlgorithms = providers.reduce(into: []) { $0.formUnion($1.algorithms) }
    requiresTokenID = options.requiresTokenID
    verifiedSignatures = try VerifiedSignatures()
    self.uptime = uptime
  }

  /// Validates a token in the order of RFC 7515 section 5.2 and RFC 7519 section 7.2, cheap checks first: nothing is
  /// fetched for an issuer that is not ours, and no claim but `iss` is believed before the signature.
  ///
  /// `passed` is told of each check that the token has passed.
  public func validate(
    _ token: String, now: Date, passed: (TokenCheck) -> Void = { _ in }
  ) throws(TokenRefusal) -> Claims {
    guard token.utf8.count <= Self.maximumTokenSize else { throw .invalid(.oversized) }
    passed(.size)
    let jws = try Self.jose { () throws(JOSEError) in try CompactJWS(token) }
    let keyID = try Self.jose { () throws(JOSEError) in try jws.keyID() }
    let type = try Self.jose { () throws(JOSEError) in try jws.type() }
    passed(.form)
    let algorithm = try Self.jose { () throws(JOSEError) in
      try jws.algorithm(among: allowedAlgorithms)
    }
    passed(.algorithm)
    let claims = try Self.claims(of: jws)
    passed(.payload)
    let issuer = try issuer(of: claims)
    guard issuer.provider.algorithms.contains(algorithm) else {
      throw .invalid(.jose(.algorithmNotAllowed(algorithm.rawValue)))
    }
    passed(.issuer)
    guard issuer.provider.tokenTypes.accept(type) else { throw .invalid(.typeNotAccepted) }
    passed(.type)
    guard let key = try issuer.keySets.key(id: keyID, algorithm: algorithm) else {
      throw .invalid(.keyNotFound)
    }
    passed(.key)
    let isSigned = verifiedSignatures.isValid(token, key: key, now: uptime()) {
      key.isValid(signature: jws.signature, over: jws.signingInput, algorithm: algorithm)
    }
    guard isSigned else { throw .invalid(.jose(.signatureMismatch)) }
    passed(.signature)
    do {
      try issuer.claimNames.refuseLookAlikes(in: claims)
      passed(.claimNames)
      return try ClaimCheck(
        claims: claims, provider: issuer.provider, now: now.timeIntervalSince1970
      ).run(requiresTokenID: requiresTokenID, passed: passed)
    } catch {
      throw .invalid(error)
    }
  }

  private static func jose<Result>(
    _ step: () throws(JOSEError) -> Result
  ) throws(TokenRefusal) -> Result {
    do { return try step() } catch { throw .invalid(.jose(error)) }
  }

  private static func claims(of jws: CompactJWS) throws(TokenRefusal) -> JSONObject {
    let payload: JSONValue
    do { payload = try JSONValue(parsing: jws.payload, limits: .token) } catch {
      throw .invalid(.payloadNotJSON(error))
    }
    guard let claims = payload.object else { throw .invalid(.payloadNotObject) }
    return claims
  }

  private func issuer(of claims: JSONObject) throws(TokenRefusal) -> Issuer {
    guard let name = claims["iss"]?.string,
      let issuer = issuers.first(where: { $0.provider.issuer.hasSameUTF8(as: name) })
    else { throw .invalid(.issuerNotTrusted(expected: issuers.map(\.provider.issuer))) }
    return issuer
  }
}

// MARK: - Keys

extension TokenValidator {
  /// Whether each provider's keys are there, fetching them where they are not. In the order of the providers.
  public func keyStates() -> [(provider: String, state: KeyState)] {
    issuers.map { ($0.provider.name, $0.keySets.checkState()) }
  }

  /// The ids of the keys that each provider's tokens can be signed with, as far as they have been fetched. For admins.
  public func keyIDs() -> [(provider: String, ids: [String])] {
    issuers.map { ($0.provider.name, $0.keySets.keyIDs) }
  }

  /// Keeps every provider's keys fresh for as long as the process lives, each from a thread of its own, so that one that
  /// hangs does not hold up the others: requests never wait for keys that are known, and a key that its provider takes away
  /// stops validating even if nobody calls meanwhile.
  ///
  /// `failed` is told the provider's name and why its keys could not be fetched; `recovered`, when they could again.
  public func keepKeysFresh(
    failed: @escaping @Sendable (_ provider: String, _ reason: String) -> Void,
    recovered: @escaping @Sendable (_ provider: String) -> Void
  ) {
    for issuer in issuers {
      Thread.detachNewThread {
        var isDown = false
        while true {
          let pause = issuer.refreshKeys(isDown: &isDown, failed: failed, recovered: recovered)
          Thread.sleep(forTimeInterval: Double(max(pause.components.seconds, 0) + 1))
        }
      }
    }
  }

  /// One turn of each of those threads, one after the other. `isDown`: which providers were down at the last one. Returns how
  /// long until the next has something to do.
  func refreshKeys(
    isDown: inout [String: Bool], failed: (_ provider: String, _ reason: String) -> Void,
    recovered: (_ provider: String) -> Void
  ) -> Duration? {
    issuers.map { issuer in
      issuer.refreshKeys(
        isDown: &isDown[issuer.provider.name, default: false], failed: failed, recovered: recovered)
    }.min()
  }

  /// How many looks for unknown keys have begun.
  var looks: Int { issuers.map(\.keySets.looksBegun).reduce(0, +) }

  /// How many signatures are remembered as verified.
  var rememberedSignatures: Int { verifiedSignatures.count }
}
