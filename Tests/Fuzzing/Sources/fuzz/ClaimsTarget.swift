import Foundation
import HTTPClient
import JOSE
import OIDC
import StrictJSON

/// The validation of claims behind a good signature, as an identity provider gone bad would meet it.
enum ClaimsTarget {
  private static let now = 1_700_000_000.0
  private static let leeway = 60
  private static let issuer = "https://id.example"
  private static let audience = "runner-token-service"

  private static let key: PrivateKey = {
    guard let key = try? PrivateKey(generating: .p256) else { violated("a key can be made") }
    return key
  }()

  private static let validator: TokenValidator = {
    let members = ((try? key.publicJWKMembers()) ?? [:]).map { "\"\($0)\":\"\($1)\"" }
    let keySet = Array("{\"keys\":[{\(members.joined(separator: ","))}]}".utf8)
    let provider = Provider(
      issuer: issuer, audiences: [audience], jwksURL: issuer + "/jwks", leeway: leeway)
    let http = HTTPClient { _ in HTTPResponse(status: 200, body: keySet) }
    guard let validator = try? TokenValidator(providers: [provider], http: http, uptime: { .zero })
    else { violated("a validator can be made") }
    return validator
  }()

  static func check(_ input: [UInt8]) {
    let header = Array(#"{"alg":"ES256"}"#.utf8)
    guard let token = try? key.compactJWS(header: header, payload: input, algorithm: .es256) else {
      violated("anything can be signed")
    }
    let claims: Claims
    do {
      claims = try validator.validate(token, now: Date(timeIntervalSince1970: now))
    } catch {
      checkRefusal(error)
      return
    }
    guard JSONTarget.isComparable(input) else { return }
    guard let members = JSONTarget.foundationValue(input) as? [String: Any], isValid(members),
      let subject = members["sub"] as? String, claims.subject.hasSameUTF8(as: subject),
      claims.issuer == issuer
    else { violated("claims are accepted only if they are for us, now") }
  }

  private static func checkRefusal(_ refusal: TokenRefusal) {
    switch refusal {
    case .providerUnavailable, .tooManyWaiting:
      violated("a token is judged while there are keys")
    case .invalid(.jose(.signatureMismatch)), .invalid(.keyNotFound):
      violated("what was signed verifies")
    case .invalid: return
    }
  }

  private static func isValid(_ members: [String: Any]) -> Bool {
    guard let issuer = members["iss"] as? String, issuer.hasSameUTF8(as: Self.issuer),
      let subject = members["sub"] as? String, (1...255).contains(subject.utf8.count),
      !subject.unicodeScalars.contains(where: { $0.value < 0x20 || 0x7F..<0xA0 ~= $0.value })
    else { return false }
    return isForUs(members) && isNow(members) && !hasLookAlike(members)
  }

  /// For us alone, or issued to us.
  private static func isForUs(_ members: [String: Any]) -> Bool {
    let audiences = members["aud"] as? [String] ?? [members["aud"] as? String ?? ""]
    let isOurs = audiences.map { $0.hasSameUTF8(as: audience) }
    return isOurs.contains(true)
      && (!isOurs.contains(false)
        || (members["azp"] as? String)?.hasSameUTF8(as: audience) == true)
  }

  private static func isNow(_ members: [String: Any]) -> Bool {
    let latest = now + Double(leeway)
    guard let expiry = (members["exp"] as? NSNumber)?.doubleValue.rounded(.down),
      expiry + Double(leeway) > now
    else { return false }
    for name in ["nbf", "iat"] {
      guard let member = members[name] else { continue }
      guard let time = (member as? NSNumber)?.doubleValue, time.rounded(.down) <= latest else {
        return false
      }
    }
    let issued = (members["iat"] as? NSNumber)?.doubleValue.rounded(.down) ?? latest
    return expiry - issued <= Double(Provider.defaultMaximumLifetime)
  }

  private static func hasLookAlike(_ members: [String: Any]) -> Bool {
    let names: Set = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "email"]
    return members.keys.contains { names.contains($0.lowercased()) && !names.contains($0) }
  }
}
