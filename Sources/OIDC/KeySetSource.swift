import HTTPClient
import JOSE
import StrictJSON

/// Where the keys of an identity provider come from: its key set, found through its discovery document (OpenID Connect
/// Discovery 1.0 section 4) unless the configuration names it.
struct KeySetSource: Sendable {
  /// Why there are no keys. For the log.
  struct Failure: Error {
    let reason: String
  }

  private static let maximumMetadataSize = 64 << 10
  private static let maximumKeySetSize = 256 << 10

  let provider: Provider
  let http: HTTPClient

  /// The keys and how long their source says they keep.
  func fetch() throws(Failure) -> (JWKSet, Duration?) {
    let url: String
    if let configured = provider.jwksURL { url = configured } else { url = try discoverJWKSURL() }
    let response = try get(url, maximumSize: Self.maximumKeySetSize)
    let keySet: JWKSet
    do { keySet = try JWKSet(parsing: response.body) } catch {
      throw Failure(reason: "the key set cannot be used: \(error)")
    }
    guard !keySet.keys.isEmpty else { throw Failure(reason: "the key set has no usable key") }
    return (keySet, response.maximumAge)
  }

  private func discoverJWKSURL() throws(Failure) -> String {
    let base = provider.issuer.hasSuffix("/") ? String(provider.issuer.dropLast()) : provider.issuer
    let response = try get(
      base + "/.well-known/openid-configuration", maximumSize: Self.maximumMetadataSize)
    let metadata: JSONValue
    do { metadata = try JSONValue(parsing: response.body) } catch {
      throw Failure(reason: "the discovery document is not JSON: \(error)")
    }
    // Section 4.3: a document of another issuer must not lend this one its keys.
    guard let issuer = metadata.object?["issuer"]?.string, issuer.hasSameUTF8(as: provider.issuer)
    else { throw Failure(reason: "the discovery document is of another issuer") }
    guard let url = metadata.object?["jwks_uri"]?.string else {
      throw Failure(reason: "the discovery document has no jwks_uri")
    }
    return url
  }

  private func get(_ url: String, maximumSize: Int) throws(Failure) -> HTTPResponse {
    let request = HTTPRequest(
      .get, url,
      headers: [("Accept", "application/json"), ("User-Agent", "runner-token-service")],
      maximumResponseSize: maximumSize, totalTimeout: .seconds(5))
    let response: HTTPResponse
    do { response = try http.send(request) } catch {
      throw Failure(reason: "\(url): \(error)")
    }
    guard response.status == 200 else {
      throw Failure(reason: "\(url) answered \(response.status)")
    }
    return response
  }
}

extension HTTPResponse {
  /// `max-age` of `Cache-Control` (RFC 9111 section 5.2.2.1).
  fileprivate var maximumAge: Duration? {
    let directives = header("cache-control")?.lowercased().split(separator: ",") ?? []
    for directive in directives {
      let parts = directive.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == "max-age",
        let seconds = Int(parts[1])
      else { continue }
      return .seconds(min(max(seconds, 0), 1 << 31))
    }
    return nil
  }
}
