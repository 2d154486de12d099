import Concurrency
import Foundation

/// The installation access token that this process uses, minted anew before it expires. One mint at a time: the threads
/// that need a token meanwhile wait for that one.
final class InstallationTokenCache: Sendable {
  struct Token: Sendable {
    let text: String
    let mintedAt: Date
    /// By our clock.
    let expiresAt: Date
  }

  /// A token is not used in the last minutes of its life, so that it does not expire on the way.
  private static let margin: TimeInterval = 300

  private let mint: @Sendable () throws(GitHubError) -> Token
  private let now: @Sendable () -> Date
  private let token = Locked<Token?>(nil)
  private let mints = SingleFlight<Token, GitHubError>()

  init(
    now: @escaping @Sendable () -> Date,
    mint: @escaping @Sendable () throws(GitHubError) -> Token
  ) {
    self.now = now
    self.mint = mint
  }

  /// A token that is good for some minutes, minted if need be.
  func current() throws(GitHubError) -> Token {
    if let token = usableToken() { return token }
    return try mints.run { () throws(GitHubError) in
      if let token = usableToken() { return token }
      let minted = try mint()
      token.withLock { $0 = minted }
      return minted
    }
  }

  /// Forgets a token that GitHub no longer accepts, unless it has been replaced already.
  func discard(_ discarded: Token) {
    token.withLock { token in
      if token?.text == discarded.text { token = nil }
    }
  }

  private func usableToken() -> Token? {
    let deadline = now().addingTimeInterval(Self.margin)
    return token.withLock { token in
      guard let token, token.expiresAt > deadline else { return nil }
      return token
    }
  }
}
