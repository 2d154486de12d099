import Concurrency
import FastCGI
import Foundation
import JOSE
import StrictJSON

extension Endpoint {
  static let identityProvider = [
    Endpoint("GET", "/oidc/.well-known/openid-configuration", Simulator.providerMetadata),
    Endpoint("GET", Endpoint.jwksPath, Simulator.keySet),
    Endpoint("POST", "/oidc/token", Simulator.issueToken),
  ]

  static let jwksPath = "/oidc/jwks"
}

extension Simulator {
  var issuer: String { settings.baseURL + "/oidc" }

  fileprivate func providerMetadata(_ call: Call) throws(Refusal) -> Response {
    .json(
      200,
      ProviderMetadata(
        issuer: issuer,
        authorizationEndpoint: issuer + "/authorize",
        tokenEndpoint: issuer + "/token",
        jwksURI: settings.baseURL + Endpoint.jwksPath))
  }

  private struct ProviderMetadata: Encodable {
    let issuer: String
    let authorizationEndpoint: String
    let tokenEndpoint: String
    let jwksURI: String
    let responseTypesSupported = ["code", "id_token"]
    let grantTypesSupported = ["client_credentials"]
    let subjectTypesSupported = ["public"]
    let idTokenSigningAlgValuesSupported = SignatureAlgorithm.allCases.map(\.rawValue)
    let scopesSupported = ["openid", "email"]
  }

  fileprivate func keySet(_ call: Call) throws(Refusal) -> Response {
    let keys = signingKeys.withLock { $0.published }
    var response = Response.json(200, ["keys": keys.map(\.jwk)])
    response.setDefault("Cache-Control", "max-age=600")
    return response
  }

  // MARK: - Tokens

  /// Signs whatever claims it is asked for: this provider knows nobody and believes everybody.
  fileprivate func issueToken(_ call: Call) throws(Refusal) -> Response {
    let body = try RequestBody(
      call, allowing: ["claims", "lifetime", "algorithm", "kid", "typ"])
    let lifetime = try body.optional("lifetime", .integer, in: -31_536_000...31_536_000) ?? 300
    let key = try signingKey(body)
    let token: String
    do {
      token = try key.key.compactJWS(
        header: try JSONText.encode(try header(body, key)),
        payload: try JSONText.encode(try claims(body, lifetime: lifetime)),
        algorithm: key.algorithm)
    } catch {
      throw (error as? Refusal) ?? Refusal(500, "The token could not be signed: \(error)")
    }
    var response = Response.json(200, TokenAnswer(token, lifetime: lifetime))
    response.setDefault("Cache-Control", "no-store")
    return response
  }

  private struct TokenAnswer: Encodable {
    let accessToken: String
    let idToken: String
    let tokenType = "Bearer"
    let expiresIn: Int

    init(_ token: String, lifetime: Int) {
      accessToken = token
      idToken = token
      expiresIn = lifetime
    }
  }

  private func signingKey(_ body: RequestBody) throws(Refusal) -> SigningKey {
    let name = try body.optional("algorithm", .string) ?? SignatureAlgorithm.rs256.rawValue
    guard let algorithm = SignatureAlgorithm(rawValue: name),
      let key = signingKeys.withLock({ $0.key(for: algorithm) })
    else {
      let known = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
      throw Refusal(422, "Invalid property /algorithm: it is none of \(known)")
    }
    return key
  }

  /// `kid` and `typ` as asked for; given as null, they are left out.
  private func header(
    _ body: RequestBody, _ key: SigningKey
  ) throws(Refusal) -> [String: String] {
    var header = ["alg": key.algorithm.rawValue]
    for (name, usual) in [("kid", key.keyID), ("typ", "JWT")] where !body.isNull(name) {
      header[name] = try body.optional(name, .string) ?? usual
    }
    return header
  }

  /// The usual claims, with those of the body over them; a claim given as null is left out.
  private func claims(
    _ body: RequestBody, lifetime: Int
  ) throws(Refusal) -> [String: EncodableJSON] {
    let issuedAt = now().unixSeconds
    var claims: [String: JSONValue] = [
      "iss": .string(issuer),
      "sub": .string("demo-user"),
      "aud": .string("runner-token-service"),
      "iat": .integer(Int64(issuedAt)),
      "nbf": .integer(Int64(issuedAt)),
      "exp": .integer(Int64(issuedAt + lifetime)),
      "jti": .string(UUID().uuidString.lowercased()),
    ]
    for member in try body.optional("claims", .object)?.members ?? [] {
      claims[member.name] = member.value == .null ? nil : member.value
    }
    return claims.mapValues { EncodableJSON(value: $0) }
  }
}
