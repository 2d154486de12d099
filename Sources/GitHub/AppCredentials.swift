import Foundation
public import JOSE

/// What makes us a GitHub App: its id, its keys, and its installation in the organization.
public struct AppCredentials: Sendable {
  /// The App's id or client id, as text.
  public let appID: String
  /// Of the App in the organization.
  public let installationID: Int64
  let privateKeys: [PrivateKey]

  /// With the one key that the App usually has.
  public init(appID: String, installationID: Int64, privateKey: PrivateKey) {
    self.init(appID: appID, installationID: installationID, privateKeys: [privateKey])
  }

  /// - Parameters:
  ///   - appID: the App's id or client id.
  ///   - installationID: of the App in the organization.
  ///   - privateKeys: at least one. While a key is being replaced there are two, of which GitHub knows one or both:
  ///     the first is tried first.
  public init(appID: String, installationID: Int64, privateKeys: [PrivateKey]) {
    precondition(!privateKeys.isEmpty, "an App has at least one key")
    self.appID = appID
    self.installationID = installationID
    self.privateKeys = privateKeys
  }

  /// These credentials with one of their keys each, in their order.
  public var withEachKey: [AppCredentials] {
    privateKeys.map {
      AppCredentials(appID: appID, installationID: installationID, privateKey: $0)
    }
  }

  private struct Header: Encodable {
    let alg = "RS256"
    let typ = "JWT"
  }

  private struct Payload: Encodable {
    let iat: Int
    let exp: Int
    let iss: String
  }

  /// A JWT that proves us to GitHub for the next nine minutes. GitHub measures its limit of ten against its own clock,
  /// so this leaves a minute on both sides.
  func appJWT(signedBy key: PrivateKey, now: Date) throws(GitHubError) -> String {
    let seconds = Int(now.timeIntervalSince1970)
    let payload = Payload(iat: seconds - 60, exp: seconds + 540, iss: appID)
    let encoder = JSONEncoder()
    do {
      return try key.compactJWS(
        header: Array(encoder.encode(Header())), payload: Array(encoder.encode(payload)),
        algorithm: .rs256)
    } catch {
      throw .credentialsRejected("the App JWT could not be signed")
    }
  }
}
