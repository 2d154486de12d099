import FastCGI
import Foundation
import GRDB
import HTTPClient
import JOSE
import OIDC
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// The whole service with a second provider whose keys are the test's own: what it takes to make tokens that are wrong in
/// one thing and right in everything else.
struct AttackedService {
  static let issuer = "https://machines.example"
  static let partner = "https://partner.example"

  let world: World
  /// Whose tokens the test makes, with the keys `rsa-1` and `ec-1`.
  let provider: FakeIdentityProvider
  /// With other keys under the same ids, and at every address that is not the provider's: whoever looks for keys there finds
  /// those of the attacker.
  let attacker: FakeIdentityProvider

  /// `terms` changes what is asked of the provider's tokens. `hasPartner` makes the attacker a provider too.
  init(
    hasPartner: Bool = false, hasSingleUseTokens: Bool = false, workerThreads: Int = 4,
    terms change: (inout Provider) -> Void = { _ in }
  ) throws {
    let provider = FakeIdentityProvider(
      issuer: Self.issuer,
      keys: [
        ("rsa-1", .rs256, AttackKeys.rsa.privateKey), ("ec-1", .es256, AttackKeys.ec.privateKey),
      ])
    let attacker = FakeIdentityProvider(
      issuer: Self.partner,
      keys: [
        ("rsa-1", .rs256, AttackKeys.attackerRSA), ("ec-1", .es256, AttackKeys.attackerEC),
      ])
    (self.provider, self.attacker) = (provider, attacker)
    var terms = Provider(
      name: "machines", issuer: Self.issuer, audiences: ["runner-token-service"])
    change(&terms)
    let partner = Provider(
      name: "partner", issuer: Self.partner, audiences: ["runner-token-service"])
    world = try World(
      hasSingleUseTokens: hasSingleUseTokens,
      otherProviders: [terms] + (hasPartner ? [partner] : []),
      elsewhere: HTTPClient { request throws(HTTPClientError) in
        let isOwn = request.url.hasPrefix(Self.issuer + "/")
        return try (isOwn ? provider : attacker).http.send(request)
      }, workerThreads: workerThreads)
  }

  // MARK: - Making tokens

  /// A NumericDate so many seconds from now.
  func at(_ offset: Int) -> String {
    String(Int(world.clock.date.timeIntervalSince1970) + offset)
  }

  /// Claims are JSON texts over those of an honest caller; nil takes one away.
  func token(
    _ claims: [String: String?] = [:], keyID: String = "rsa-1", header: String? = nil
  ) throws -> String {
    try provider.token(at: world.clock.date, claims: claims, keyID: keyID, header: header)
  }

  /// The JSON texts of an honest token.
  func honestTexts(keyID: String = "rsa-1") throws -> (header: String, payload: String) {
    (try provider.header(keyID: keyID), provider.payload(at: world.clock.date))
  }

  /// An honest token's three segments.
  func segments(keyID: String = "rsa-1") throws -> [String] {
    try token(keyID: keyID).split(separator: ".").map(String.init)
  }

  /// A token of any bytes, well signed.
  func token(header: [UInt8], payload: [UInt8], keyID: String = "rsa-1") throws -> String {
    try provider.token(
      signing: Base64URL.encode(header) + "." + Base64URL.encode(payload), keyID: keyID)
  }

  /// An honest token under another signature.
  func token(keyID: String, signature: (_ input: [UInt8]) throws -> [UInt8]) throws -> String {
    let (header, payload) = try honestTexts(keyID: keyID)
    let input = [header, payload].map { Base64URL.encode(Array($0.utf8)) }.joined(separator: ".")
    return try input + "." + Base64URL.encode(signature(Array(input.utf8)))
  }

  // MARK: - Sending them

  func provision(_ token: String, name: String = "ci-1") -> Response {
    world.send(
      "POST", "/api/v1/runners/provision", token: token, body: #"{"runner_name":"\#(name)"}"#)
  }

  /// The token is refused as one that is no good, and nothing else happens. `code` is UNAUTHENTICATED where the header with
  /// the token is already none.
  func expectRefused(
    _ token: String, code: String = "INVALID_TOKEN",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let response = try expectNothingHappens(sourceLocation) { provision(token, name: "attacked") }
    let challenge = response.header("WWW-Authenticate") ?? ""
    let log = world.log.all.last ?? [:]
    #expect(response.problem == "401 \(code)", sourceLocation: sourceLocation)
    #expect(
      challenge.hasPrefix(#"Bearer realm="runner-token-service""#), sourceLocation: sourceLocation)
    #expect(log["error_code"] == code, sourceLocation: sourceLocation)
    if code == "INVALID_TOKEN" {
      #expect(challenge.contains(#"error="invalid_token""#), sourceLocation: sourceLocation)
      #expect(log["cause"]?.isEmpty == false, sourceLocation: sourceLocation)
      #expect(log["token_sha256"]?.count == 64, sourceLocation: sourceLocation)
    }
    let said = [response.text, challenge] + log.values
    for secret in Self.secrets(of: token) {
      #expect(!said.contains { $0.contains(secret) }, sourceLocation: sourceLocation)
    }
  }

  /// The provider is at fault, and the caller is not told that the token is.
  func expectUnavailable(
    _ token: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let response = try expectNothingHappens(sourceLocation) { provision(token, name: "attacked") }
    #expect(
      response.problem == "503 IDENTITY_PROVIDER_UNAVAILABLE", sourceLocation: sourceLocation)
    #expect(response.header("WWW-Authenticate") == nil, sourceLocation: sourceLocation)
    #expect(response.header("Retry-After") != nil, sourceLocation: sourceLocation)
    #expect(world.log.all.last?["cause"]?.isEmpty == false, sourceLocation: sourceLocation)
  }

  /// The token provisions a runner.
  func expectAccepted(
    _ token: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let name = "ci-\(UInt32.random(in: 0 ... .max))"
    let response = provision(token, name: name)
    #expect(response.status == 201, "\(response.text)", sourceLocation: sourceLocation)
    #expect(try world.liveRunner(name) != nil, sourceLocation: sourceLocation)
  }

  /// The whole token, and its signature.
  private static func secrets(of token: String) -> [String] {
    let signature = token.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
    return [token, String(signature)].filter { $0.utf8.count > 20 }
  }

  // MARK: - What is left behind

  /// What a request that is refused must not change.
  private struct Traces: Equatable {
    let rows: [String: Int?]
    let integrity: String?
    let auditLines: Int
    let githubCalls: Int
    let strangeURLs: [String]
  }

  private func expectNothingHappens(
    _ sourceLocation: SourceLocation, while request: () -> Response
  ) throws -> Response {
    let before = try traces()
    let logged = world.log.all.count
    let response = request()
    #expect(try traces() == before, sourceLocation: sourceLocation)
    #expect(before.integrity == "ok", sourceLocation: sourceLocation)
    #expect(world.log.all.count == logged + 1, sourceLocation: sourceLocation)
    return response
  }

  private func traces() throws -> Traces {
    let database = try DatabaseQueue(path: world.directory.file("service.db"))
    return try database.read { database in
      let tables = ["runners", "audit_log", "used_tokens"]
      let counts = try tables.map { table in
        (table, try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table)"))
      }
      return Traces(
        rows: Dictionary(uniqueKeysWithValues: counts),
        integrity: try String.fetchOne(database, sql: "PRAGMA integrity_check"),
        auditLines: try world.auditLines().count, githubCalls: world.calls("/api/v3"),
        strangeURLs: attacker.requestedURLs.filter { !$0.hasPrefix(Self.partner + "/") })
    }
  }
}

/// Made once for all attacks: an RSA key takes a second.
enum AttackKeys {
  /// A provider's key, and all that an attacker can know of it.
  struct Pair: Sendable {
    let raw: TestKey
    let privateKey: PrivateKey

    init(_ raw: TestKey) throws {
      self.raw = raw
      privateKey = try PrivateKey(pem: raw.pem(.pkcs8))
    }
  }

  static let rsa = try! Pair(TestKey(rsaBits: 2048))
  static let ec = try! Pair(TestKey(curve: "P-256"))
  static let attackerRSA = try! PrivateKey(generating: .rsa)
  static let attackerEC = try! PrivateKey(generating: .p256)
}

extension PrivateKey {
  /// The public JWK as a JSON text. `members` are JSON texts too; nil takes one away.
  func jwk(_ members: [String: String?] = [:]) throws -> String {
    var all: [String: String?] = try publicJWKMembers().mapValues { "\"\($0)\"" }
    all.merge(members) { $1 }
    let texts = all.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
    return "{" + texts.joined(separator: ",") + "}"
  }
}
