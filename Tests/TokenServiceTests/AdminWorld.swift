import FastCGI
import Foundation
import Runners
import StrictJSON
import Testing

@testable import TokenService

extension World {
  /// With the admins root@example.com and other@example.com.
  static func withAdmins() throws -> World {
    try World(adminIdentities: ["root@example.com", "other@example.com"])
  }

  /// A request below `/api/v1/admin`.
  func admin(
    _ method: String, _ path: String, as subject: String = "root", body: String? = nil,
    headers: [(name: String, value: String)] = []
  ) throws -> Response {
    send(
      method, "/api/v1/admin" + path, token: try token(subject), body: body, parameters: headers)
  }

  func save(
    _ policy: String, as subject: String = "root",
    headers: [(name: String, value: String)] = []
  ) throws -> Response {
    try admin("POST", "/label-policies", as: subject, body: policy, headers: headers)
  }
}

/// The faults of a validation problem, as `field: message`.
func faults(_ response: Response) throws -> [String] {
  try #require(try response.object["errors"]?.array).map {
    "\($0.object?["field"]?.string ?? ""): \($0.object?["message"]?.string ?? "")"
  }
}
