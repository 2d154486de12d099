import Concurrency
import Foundation
import HTTPClient

/// How we prove to GitHub that we are the App: a new JWT for each request, by the key that GitHub knows and a clock that it
/// accepts. Safe to use from any thread.
final class AppProof: Sendable {
  private let credentials: AppCredentials
  private let now: @Sendable () -> Date
  /// The place of the key that GitHub accepted last.
  private let preferred = Locked(0)

  init(credentials: AppCredentials, now: @escaping @Sendable () -> Date) {
    self.credentials = credentials
    self.now = now
  }

  /// Sends a request with a JWT, and again with another where GitHub says that the JWT is at fault, which means that it did
  /// nothing: with its own time where it does not accept ours, and with the other key where it does not know the first.
  func send(
    _ send: (_ jwt: String) throws(GitHubError) -> HTTPResponse
  ) throws(GitHubError) -> HTTPResponse {
    let keys = credentials.privateKeys
    let first = preferred.withLock { $0 }
    var response = HTTPResponse(status: 401)
    for offset in keys.indices {
      let index = (first + offset) % keys.count
      response = try send(credentials.appJWT(signedBy: keys[index], now: now()))
      if response.refusesClock, let date = response.date {
        response = try send(credentials.appJWT(signedBy: keys[index], now: date))
      }
      guard response.refusesKey else {
        if response.status != 401 { preferred.withLock { $0 = index } }
        return response
      }
    }
    return response
  }
}

extension HTTPResponse {
  /// Whether GitHub says that a JWT's times are not of its present, in one of its three wordings. The clocks differ.
  var refusesClock: Bool {
    guard status == 401 else { return false }
    let message = gitHubMessage
    return ["'Issued at' claim ('iat')", "'Expiration time' claim ('exp')"].contains {
      message.hasPrefix($0)
    }
  }

  /// Whether GitHub says that a JWT is by none of the App's keys.
  fileprivate var refusesKey: Bool {
    status == 401 && gitHubMessage.contains("JSON web token could not be decoded")
  }
}
