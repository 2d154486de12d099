import Foundation
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
  /// For everything together: somebody may be waiting.
  private static let patience: Duration = .seconds(5)

  let provider: Provider
  let http: HTTPClient

  /// The keys and how long their source says they keep.
  func fetch() throws(Failure) -> (JWKSet, Duration?) {
    let http = http.limited(until: .now + Self.patience)
    let url =
      if let configured = provider.jwksURL { configured } else { try jwksURL(asking: http) }
    let response = try get(url, maximumSize: Self.maximumKeySetSize, from: http)
    do {
      // A set without any key that we can use is an answer too: the provider has taken its keys away.
      return (try JWKSet(parsing: response.body), response.lifetime)
    } catch {
      throw Failure(reason: "\(url): the key set cannot be used: \(error)")
    }
  }

  private func jwksURL(asking http: HTTPClient) throws(Failure) -> String {
    let base = provider.issuer.hasSuffix("/") ? String(provider.issuer.dropLast()) : provider.issuer
    let response = try get(
      base + "/.well-known/openid-configuration", maximumSize: Self.maximumMetadataSize, from: http)
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
    // Plain http is for a provider on this machine.
    guard url.hasPrefix("https://") || !provider.issuer.hasPrefix("https://") else {
      throw Failure(reason: "the discovery document's jwks_uri is not https")
    }
    return url
  }

  private func get(
    _ url: String, maximumSize: Int, from http: HTTPClient
  ) throws(Failure) -> HTTPResponse {
    var request = HTTPRequest(
      .get, url,
      // Kubernetes answers 406 to whoever does not name the media type of key sets (RFC 7517 section 8.5).
      headers: [
        ("Accept", "application/json, application/jwk-set+json, */*;q=0.1"),
        ("User-Agent", "runner-token-service"),
      ],
      maximumResponseSize: maximumSize, totalTimeout: Self.patience)
    request.certificateBundle = provider.certificateBundle
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
  /// What is left of the time that `Cache-Control` gives the answer (RFC 9111 sections 4.2 and 5.2.2); nil if it says
  /// nothing. A cache on the way may have kept it for a while, and says so in `Age`.
  fileprivate var lifetime: Duration? {
    let directives = headers.filter { $0.name == "cache-control" }.flatMap { header in
      header.value.lowercased().split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    if directives.contains("no-store") || directives.contains("no-cache") { return .zero }
    let maximumAge = directives.first { $0.hasPrefix("max-age=") }
    guard let seconds = maximumAge.flatMap({ Int($0.dropFirst(8)) }) else { return nil }
    let age = header("age").flatMap { Int($0) } ?? 0
    return .seconds(Self.bounded(seconds) - Self.bounded(age))
  }

  /// No more than an addition can hold.
  private static func bounded(_ seconds: Int) -> Int { min(max(seconds, 0), 1 << 31) }
}
