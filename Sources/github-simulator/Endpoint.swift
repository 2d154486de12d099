import FastCGI
import Foundation

/// One thing that can be asked for.
struct Endpoint: Sendable {
  typealias Handler = @Sendable (Simulator) -> (Call) throws(Refusal) -> Response

  /// Who may ask.
  enum Access: Sendable, Equatable {
    /// Anybody, and it is not counted. GitHub still looks at credentials that come along.
    case free
    /// The GitHub App, by its JWT.
    case app
    /// The App's installation, by its token, which may have been narrowed to reading.
    case installation(InstallationToken.Level)
  }

  let method: String
  /// For example `/api/v3/orgs/{org}/actions/runners/{id}`.
  let template: String
  let access: Access
  let handler: Handler
  private let segments: [String]

  init(
    _ method: String, _ template: String, access: Access = .free, _ handler: @escaping Handler
  ) {
    self.method = method
    self.template = template
    self.access = access
    self.handler = handler
    segments = template.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  /// What the path says for each placeholder, or nil if this is another endpoint's path. `HEAD`
  /// counts as `GET`.
  private func captures(of call: Call) -> [String: String]? {
    guard method == (call.method == "HEAD" ? "GET" : call.method) else { return nil }
    let path = call.path.split(separator: "/", omittingEmptySubsequences: false)
    guard path.count == segments.count else { return nil }
    var captures: [String: String] = [:]
    for (segment, expected) in zip(path, segments) {
      if expected.hasPrefix("{") {
        guard let value = String(segment).removingPercentEncoding, !value.isEmpty else {
          return nil
        }
        captures[String(expected.dropFirst().dropLast())] = value
      } else if segment != expected {
        return nil
      }
    }
    return captures
  }

  /// The endpoint that `call` is for, and the call with its placeholders filled in.
  static func find(for call: Call) -> (Endpoint, Call)? {
    for endpoint in all {
      if let captures = endpoint.captures(of: call) {
        var call = call
        call.captures = captures
        return (endpoint, call)
      }
    }
    return nil
  }

  static let all =
    gitHubApp + gitHubRunners + identityProvider + control + controlRunners + webhooks
}
