import APIDocument
import FastCGI
import Foundation
import Runners

extension Service {
  private struct Root: Encodable {
    let name = "runner-token-service"
    let version = Version.current
    let links = [
      "api": "/openapi.json",
      "health": "/health",
      "readiness": "/health/ready",
      "provision": "/api/v1/runners/provision",
      "jit": "/api/v1/runners/jit",
      "runners": "/api/v1/runners",
      "caller": "/api/v1/auth/me",
    ]
  }

  /// GET /
  func root() throws(ServiceError) -> Response {
    try JSONBody.response(Root())
  }

  /// GET /openapi.json
  func showAPIDocument() throws -> Response {
    JSONBody.response(json: try APIDocument.json())
  }

  /// GET /health: the worker answers. Does no I/O.
  func health() throws -> Response {
    var object = JSONObjectText()
    try object.add("status", "healthy")
    try object.add("timestamp", Timestamp(now()).description)
    try object.add("version", Version.current)
    return JSONBody.response(json: object.finished())
  }

  /// GET /health/ready: what the service needs is there.
  func showReadiness() throws(ServiceError) -> Response {
    let report = readiness.report(now: Timestamp(now()))
    var response = try JSONBody.response(status: report.isReady ? 200 : 503, report)
    if !report.isReady { response.headers.append(.init("Retry-After", "5")) }
    return response
  }
}

/// The version of this program.
public enum Version {
  /// Semantic version.
  public static let current = "0.1.0"
}
