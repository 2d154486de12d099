import Concurrency
public import Foundation
public import HTTPClient
public import JOSE

/// An identity provider with real keys, reached by the HTTP seam.
public final class FakeIdentityProvider: Sendable {
  public static let issuer = "https://id.example"

  private struct State {
    var keys: [(id: String, algorithm: SignatureAlgorithm, key: PrivateKey)] = []
    var requests: [String] = []
    var answer: HTTPResponse?
    var metadata: HTTPResponse?
    var failure: HTTPClientError?
    var cacheControl: String?
    var age: String?
    var onKeySet: (@Sendable () -> Void)?
  }

  /// `iss` of its tokens.
  public let issuer: String
  private let state = Locked(State())

  public init(issuer: String = FakeIdentityProvider.issuer) throws {
    self.issuer = issuer
    try addKey("rsa-1", .rs256)
    try addKey("ec-1", .es256)
  }

  /// With keys that the test has made, and no others.
  public init(
    issuer: String = FakeIdentityProvider.issuer,
    keys: [(id: String, algorithm: SignatureAlgorithm, key: PrivateKey)]
  ) {
    self.issuer = issuer
    state.withLock { $0.keys = keys }
  }

  public func addKey(
    _ id: String, _ algorithm: SignatureAlgorithm, _ key: PrivateKey? = nil
  ) throws {
    let key = try key ?? PrivateKey(generating: algorithm.keyType)
    state.withLock { $0.keys.append((id, algorithm, key)) }
  }

  public func removeKey(_ id: String) {
    state.withLock { $0.keys.removeAll { $0.id == id } }
  }

  /// From now on every request fails so, until this is nil again.
  public func fail(_ failure: HTTPClientError?) {
    state.withLock { $0.failure = failure }
  }

  /// From now on the key set is this answer.
  public func answer(_ answer: HTTPResponse?) {
    state.withLock { $0.answer = answer }
  }

  /// From now on the key set has these keys, each a JSON text.
  public func answer(keys: [String]) {
    let body = "{\"keys\":[\(keys.joined(separator: ","))]}"
    answer(HTTPResponse(status: 200, body: Array(body.utf8)))
  }

  /// From now on the discovery document is this answer.
  public func answer(metadata: HTTPResponse?) {
    state.withLock { $0.metadata = metadata }
  }

  /// What the key set is sent with: `Cache-Control` and `Age`.
  public func setCacheControl(_ value: String?, age: String? = nil) {
    state.withLock {
      $0.cacheControl = value
      $0.age = age
    }
  }

  /// Runs once: when the next key set has been made and before it is sent.
  public func onKeySet(_ run: @escaping @Sendable () -> Void) {
    state.withLock { $0.onKeySet = run }
  }

  /// How often the key set was fetched.
  public var fetches: Int { state.withLock { $0.requests.count { $0.hasSuffix("/jwks") } } }

  /// How many requests of any kind were made.
  public var requestCount: Int { requestedURLs.count }

  public var requestedURLs: [String] { state.withLock(\.requests) }

  public var http: HTTPClient {
    HTTPClient { [self] request throws(HTTPClientError) in
      let (failure, answer) = state.withLock { state in
        state.requests.append(request.url)
        return (state.failure, state.answer)
      }
      if let failure { throw failure }
      guard request.url.hasSuffix("/jwks") else {
        return state.withLock(\.metadata) ?? metadata
      }
      if let answer { return answer }
      let response = HTTPResponse(status: 200, headers: keySetHeaders, body: keySet)
      let hook = state.withLock { state in
        defer { state.onKeySet = nil }
        return state.onKeySet
      }
      hook?()
      return response
    }
  }

  /// One way to several providers, each under its issuer.
  public static func http(to providers: [FakeIdentityProvider]) -> HTTPClient {
    HTTPClient { request throws(HTTPClientError) in
      guard let provider = providers.first(where: { request.url.hasPrefix($0.issuer + "/") }) else {
        throw .cannotConnect("no provider at \(request.url)")
      }
      return try provider.http.send(request)
    }
  }

  private var keySetHeaders: [(name: String, value: String)] {
    let (cacheControl, age) = state.withLock { ($0.cacheControl, $0.age) }
    return [("cache-control", cacheControl), ("age", age)].compactMap { name, value in
      value.map { (name, $0) }
    }
  }

  private var metadata: HTTPResponse {
    let document = ["issuer": issuer, "jwks_uri": issuer + "/jwks"]
    return HTTPResponse(status: 200, body: json(document))
  }

  private var keySet: [UInt8] {
    let keys = state.withLock(\.keys)
    let members = keys.map { id, algorithm, key in
      var jwk = (try? key.publicJWKMembers()) ?? [:]
      jwk["kid"] = id
      jwk["use"] = "sig"
      jwk["alg"] = algorithm.rawValue
      return jwk
    }
    return json(["keys": members])
  }

  private func json(_ value: some Encodable) -> [UInt8] {
    (try? Array(JSONEncoder().encode(value))) ?? []
  }

  /// A token over `payload`, a JSON text, signed with the key of this id.
  public func token(
    payload: String, keyID: String = "rsa-1", header: String? = nil
  ) throws -> String {
    let header = try header ?? self.header(keyID: keyID)
    return try token(
      signing: [header, payload].map { Base64URL.encode(Array($0.utf8)) }.joined(separator: "."),
      keyID: keyID)
  }

  /// These first two segments, as they are, with the signature of the key of this id.
  public func token(signing input: String, keyID: String = "rsa-1") throws -> String {
    let key = try key(keyID)
    let signature = try key.key.signature(over: Array(input.utf8), algorithm: key.algorithm)
    return input + "." + Base64URL.encode(signature)
  }

  /// The header of an honest token, a JSON text.
  public func header(keyID: String = "rsa-1") throws -> String {
    #"{"alg":"\#(try key(keyID).algorithm.rawValue)","typ":"JWT","kid":"\#(keyID)"}"#
  }

  private func key(
    _ id: String
  ) throws -> (id: String, algorithm: SignatureAlgorithm, key: PrivateKey) {
    guard let key = state.withLock({ $0.keys.first { $0.id == id } }) else {
      throw JOSEError.unusableKey(id)
    }
    return key
  }

  /// A token with these claims (JSON texts) over those of an honest caller; nil takes a claim away.
  public func token(
    at now: Date, claims: [String: String?] = [:], keyID: String = "rsa-1", header: String? = nil
  ) throws -> String {
    try token(payload: payload(at: now, claims: claims), keyID: keyID, header: header)
  }

  /// The claims of such a token, a JSON text.
  public func payload(at now: Date, claims: [String: String?] = [:]) -> String {
    let seconds = Int(now.timeIntervalSince1970)
    var all: [String: String?] = [
      "iss": "\"\(issuer)\"", "sub": "\"alice\"", "aud": "\"runner-token-service\"",
      "iat": "\(seconds)", "nbf": "\(seconds)", "exp": "\(seconds + 300)",
      "email": "\"alice@example.com\"", "email_verified": "true",
    ]
    all.merge(claims) { $1 }
    let members = all.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
    return "{" + members.joined(separator: ",") + "}"
  }
}
