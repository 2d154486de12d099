import Foundation
import JOSE
import StrictJSON

/// What GitHub asks of a GitHub App's JWT.
struct AppAuthentication: Sendable {
  /// Against GitHub's clock, not against `iat`.
  private static let maximumLifetime = 600

  let appID: Int
  let key: PublicKey

  func verify(_ token: String, at now: Date) throws(Refusal) {
    let claims = try claims(of: token)
    guard isOurs(claims["iss"]) else { throw Refusal(404, "Integration not found") }
    guard let expiry = number(claims["exp"]), expiry > now.timeIntervalSince1970 else {
      throw Refusal(
        401,
        "'Expiration time' claim ('exp') must be a numeric value representing the future time at "
          + "which the assertion expires")
    }
    guard expiry <= now.timeIntervalSince1970 + Double(Self.maximumLifetime) else {
      throw Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    }
    guard let issued = claims["iat"]?.integer, Double(issued) <= now.timeIntervalSince1970 else {
      throw Refusal(
        401,
        "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
          + "was issued")
    }
  }

  /// The claims, once the signature is known to be the App's.
  private func claims(of token: String) throws(Refusal) -> JSONObject {
    guard let jws = try? CompactJWS(token), let algorithm = try? jws.algorithm(among: [.rs256]),
      key.isValid(signature: jws.signature, over: jws.signingInput, algorithm: algorithm),
      let claims = try? JSONValue(parsing: jws.payload, limits: .token).object
    else { throw .undecodableJWT }
    return claims
  }

  /// The App's id may be a number or text.
  private func isOurs(_ issuer: JSONValue?) -> Bool {
    issuer?.integer.map(Int.init) == appID || issuer?.string == String(appID)
  }

  private func number(_ value: JSONValue?) -> Double? {
    switch value {
    case .integer(let number): Double(number)
    case .double(let number): number
    default: nil
    }
  }
}

extension Refusal {
  static let undecodableJWT = Refusal(401, "A JSON web token could not be decoded")
}
