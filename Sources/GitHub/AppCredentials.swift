import Foundation
public import JOSE

/// What makes us a GitHub App: its id, its key, and its installation in the organization.
public struct AppCredentials: Sendable {
  /// The App's id or client id, as text.
  public let appID: String
  public let installationID: Int64
  let privateKey: PrivateKey

  public init(appID: String, installationID: Int64, privateKey: PrivateKey) {
    self.appID = appID
    self.installationID = installationID
    self.privateKey = privateKey
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
  func appJWT(now: Date) throws(JOSEError) -> String {
    let seconds = Int(now.timeIntervalSince1970)
    let payload = Payload(iat: seconds - 60, exp: seconds + 540, iss: appID)
    let encoder = JSONEncoder()
    guard let header = try? encoder.encode(Header()), let payload = try? encoder.encode(payload)
    else { throw .cryptography("JWT encoding") }
    return try privateKey.compactJWS(
      header: Array(header), payload: Array(payload), algorithm: .rs256)
  }
}
