import FastCGI
import Foundation

/// A request, taken apart.
struct Call: Sendable {
  /// The three products that share this process.
  enum Part: Sendable {
    case gitHub, identityProvider, control
  }

  let method: String
  /// As the client wrote it, not decoded.
  let path: String
  let body: Request.Body
  /// What stands where the endpoint's template has `{name}`, decoded.
  var captures: [String: String] = [:]
  private let queryItems: [(name: String, value: String)]
  private let parameters: Parameters

  init(_ request: Request) {
    parameters = request.parameters
    method = parameters.method
    body = request.body
    let target = parameters.requestURI.split(
      separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = String(target.first ?? "")
    queryItems = target.count > 1 ? Self.queryItems(target[1]) : []
  }

  private static func queryItems(_ query: Substring) -> [(name: String, value: String)] {
    query.split(separator: "&").map { item in
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (Self.formDecoded(pair[0]), pair.count > 1 ? Self.formDecoded(pair[1]) : "")
    }
  }

  private static func formDecoded(_ text: Substring) -> String {
    let spaced = text.replacing("+", with: " ")
    return spaced.removingPercentEncoding ?? String(spaced)
  }

  var part: Part {
    if path.hasPrefix("/control/") { return .control }
    return path.hasPrefix("/oidc/") ? .identityProvider : .gitHub
  }

  /// Path and query as the client wrote them.
  var target: String { parameters.requestURI }

  func query(_ name: String) -> String? {
    queryItems.first { $0.name == name }?.value
  }

  func header(_ name: String) -> String? {
    parameters["HTTP_" + name.uppercased().replacing("-", with: "_")]
  }

  /// The capture of this name as a number; nil for anything else, so that `/runners/abc` is just
  /// not found.
  func number(_ capture: String) -> Int? {
    captures[capture].flatMap(Int.init)
  }
}
