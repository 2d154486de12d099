import Foundation
import HTTPClient
import JOSE
import OIDC

/// What tokens are judged by, from a JSON file.
struct Configuration: Decodable {
  let issuer: String
  let audiences: [String]
  let algorithms: [String]
  /// Seconds.
  let leeway: Int
  /// The time of judgement, in seconds since 1970.
  let now: Double
  /// The text of the provider's key set (RFC 7517 section 5).
  let keySet: String

  init(path: String) throws {
    self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(filePath: path)))
  }

  var date: Date { Date(timeIntervalSince1970: now) }

  /// The service's own validator; only its clock and its network are ours.
  func validator() throws -> TokenValidator {
    let algorithms = try algorithms.map { name in
      guard let algorithm = SignatureAlgorithm(rawValue: name) else {
        throw UsageError.unknownAlgorithm(name)
      }
      return algorithm
    }
    let provider = Provider(
      issuer: issuer, audiences: audiences, algorithms: Set(algorithms), leeway: leeway)
    let jwksURL = "https://keys.example/jwks"
    let metadata = try JSONEncoder().encode(["issuer": issuer, "jwks_uri": jwksURL])
    let http = HTTPClient { request throws(HTTPClientError) in
      HTTPResponse(
        status: 200, body: request.url == jwksURL ? Array(keySet.utf8) : Array(metadata))
    }
    return try TokenValidator(providers: [provider], http: http, uptime: { .zero })
  }
}
