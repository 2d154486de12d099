import FastCGI
import Foundation
import JOSE
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct IdentityProviderTests {
  static let algorithms = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
  ]

  let world: World

  init() throws {
    world = try World()
  }

  private func token(_ body: String = "") throws -> String {
    let response = world.send("POST", "/oidc/token", body: body)
    try #require(response.status == 200, "\(response.text)")
    return try #require(try response.object["access_token"]?.string)
  }

  private func claims(_ token: String) throws -> JSONObject {
    try #require(try JSONValue(parsing: CompactJWS(token).payload).object)
  }

  /// Whether the published keys verify the token, as a relying party would find out.
  private func isValid(_ token: String) throws -> Bool {
    let jws = try CompactJWS(token)
    let algorithm = try jws.algorithm(among: Set(SignatureAlgorithm.allCases))
    let keys = try JWKSet(parsing: world.send("GET", "/oidc/jwks").body)
    guard let key = keys.key(id: try jws.keyID(), algorithm: algorithm) else { return false }
    return key.isValid(
      signature: jws.signature, over: jws.signingInput, algorithm: algorithm)
  }

  @Test func `the metadata names the issuer and where its keys are`() throws {
    let response = world.send("GET", "/oidc/.well-known/openid-configuration")
    let metadata = try response.object
    #expect(metadata["issuer"]?.string == "http://127.0.0.1:8080/oidc")
    #expect(metadata["jwks_uri"]?.string == "http://127.0.0.1:8080/oidc/jwks")
    #expect(
      metadata["id_token_signing_alg_values_supported"]?.strings == Self.algorithms)
  }

  @Test func `the key set has a key for each algorithm and may be cached`() throws {
    let response = world.send("GET", "/oidc/jwks")
    #expect(response.header("Cache-Control") == "max-age=600")
    let keys = try #require(response.object["keys"]?.array).compactMap(\.object)
    #expect(keys.map { $0["alg"]?.string } == Self.algorithms)
    let kinds = ["RSA", "RSA", "RSA", "RSA", "RSA", "RSA", "EC", "EC", "OKP"]
    #expect(keys.map { $0["kty"]?.string } == kinds)
    #expect(keys.allSatisfy { $0["use"]?.string == "sig" && $0["d"] == nil })
  }

  @Test(arguments: algorithms)
  func `a token is verified by the published keys`(algorithm: String) throws {
    let token = try token(#"{"algorithm":"\#(algorithm)"}"#)
    #expect(try isValid(token))
    #expect(try CompactJWS(token).header["alg"]?.string == algorithm)
    #expect(try CompactJWS(token).header["typ"]?.string == "JWT")
  }

  @Test func `the usual claims are those of the demo user`() throws {
    let claims = try claims(token())
    #expect(claims["iss"]?.string == "http://127.0.0.1:8080/oidc")
    #expect(claims["sub"]?.string == "demo-user")
    #expect(claims["aud"]?.string == "runner-token-service")
    #expect(claims["iat"]?.integer == 1_795_000_000)
    #expect(claims["nbf"]?.integer == 1_795_000_000)
    #expect(claims["exp"]?.integer == 1_795_000_300)
    #expect(claims["jti"]?.string != nil)
  }

  @Test func `given claims override the usual ones, and null removes them`() throws {
    let claims = try claims(
      token(
        #"{"lifetime":-5,"claims":{"sub":null,"aud":["a","b"],"emailVerified":true,"#
          + #""score":1.5,"nested":{"aB":null}}}"#))
    #expect(claims["sub"] == nil)
    #expect(claims["aud"]?.strings == ["a", "b"])
    #expect(claims["emailVerified"]?.bool == true)
    #expect(claims["score"] == .double(1.5))
    #expect(claims["nested"]?.object?["aB"] == .null)
    #expect(claims["exp"]?.integer == 1_794_999_995)
  }

  @Test func `the header's kid and typ can be replaced and left out`() throws {
    let replaced = try CompactJWS(try token(#"{"kid":"other","typ":"at+jwt"}"#))
    #expect(replaced.header["kid"]?.string == "other")
    #expect(replaced.header["typ"]?.string == "at+jwt")
    let bare = try CompactJWS(try token(#"{"kid":null,"typ":null}"#))
    #expect(bare.header["kid"] == nil)
    #expect(bare.header["typ"] == nil)
  }

  @Test func `an algorithm that the provider does not have is refused`() {
    #expect(
      world.send("POST", "/oidc/token", body: #"{"algorithm":"none"}"#).status == 422)
  }

  @Test(arguments: [true, false])
  func `after a rotation old tokens stay valid if the old keys are kept`(kept: Bool) throws {
    let old = try token()
    try world.control("POST", "/keys/rotate", #"{"keep_old":\#(kept)}"#)
    #expect(try isValid(old) == kept)
    #expect(try isValid(token()))
  }
}
