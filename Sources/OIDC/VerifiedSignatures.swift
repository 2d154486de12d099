import Concurrency
import JOSE

/// The tokens whose signature was verified a moment ago: a caller who makes ten requests with one token pays for one
/// verification. Only the signature is skipped; the claims and everything that depends on them are looked at each time.
///
/// What is kept is a keyed hash of the token and the key object that verified it. A key that its provider took away, or
/// replaced under the same id, is another object or none, and with it the memory is worth nothing.
final class VerifiedSignatures: Sendable {
  static let lifetime: Duration = .seconds(60)
  /// Only holders of valid tokens can add to it, so this is a bound on memory, not a defence.
  static let capacity = 10_000

  private struct Verification {
    let key: PublicKey
    let at: Duration
  }

  private let hash: KeyedHash
  private let verifications = Locked<[[UInt8]: Verification]>([:])

  /// Throws `cryptography` where the system has no random bytes.
  init() throws(JOSEError) {
    hash = try KeyedHash()
  }

  /// Whether the signature of the token is that of `key`: remembered, or else found out by `verify` and remembered if so.
  func isValid(_ token: String, key: PublicKey, now: Duration, verify: () -> Bool) -> Bool {
    // What cannot be looked up is verified.
    guard let name = try? hash.hash(of: Array(token.utf8)) else { return verify() }
    let known = verifications.withLock { $0[name] }
    if let known, known.key === key, now - known.at < Self.lifetime { return true }
    guard verify() else { return false }
    verifications.withLock { verifications in
      if verifications.count >= Self.capacity { verifications = [:] }
      verifications[name] = Verification(key: key, at: now)
    }
    return true
  }

  var count: Int { verifications.withLock(\.count) }
}
