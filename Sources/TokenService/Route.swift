import Foundation
import Runners

/// The API: every operation is a case, and one `switch` in `Service` answers them all.
enum Route: Sendable, Equatable {
  case root
  case health
  case readiness
  case provisionRunner
  case listRunners(Query)
  /// By the name of a live runner, or the id of any.
  case showRunner(String)
  case refreshRunner(String)
  case deleteRunner(String)
  case showCaller
  case showApproval(String)
  case listApprovals(Query)
  case decideApproval(String, ApprovalDecision)

  /// The path's pattern, for the log.
  var template: String {
    switch self {
    case .root: "/"
    case .health: "/health"
    case .readiness: "/health/ready"
    case .provisionRunner: "/api/v1/runners/provision"
    case .listRunners: "/api/v1/runners"
    case .showRunner, .deleteRunner: "/api/v1/runners/{name}"
    case .refreshRunner: "/api/v1/runners/{name}/refresh"
    case .showCaller: "/api/v1/auth/me"
    case .showApproval: "/api/v1/approvals/{id}"
    case .listApprovals: "/api/v1/admin/approvals"
    case .decideApproval(_, .approve): "/api/v1/admin/approvals/{id}/approve"
    case .decideApproval(_, .deny): "/api/v1/admin/approvals/{id}/deny"
    }
  }

  /// Finds the operation by the raw `REQUEST_URI`. The web server's own reading of a path decodes, merges and resolves;
  /// deciding on another reading than the one that its rules were written for is how paths get smuggled, so a path that
  /// has more than one reading is refused.
  init(method: String, uri: String) throws(ServiceError) {
    let (path, query) = try Self.split(uri)
    let operations = Self.operations(at: path, query: query)
    guard !operations.isEmpty else { throw .notFound }
    let wanted = method == "HEAD" ? "GET" : method
    guard let route = operations[wanted] else {
      var allowed = operations.keys.sorted()
      if let get = allowed.firstIndex(of: "GET") { allowed.insert("HEAD", at: get + 1) }
      throw .methodNotAllowed(allowed: allowed)
    }
    switch route {
    case .listRunners, .listApprovals: break
    default: try query.expectOnly([])
    }
    self = route
  }

  /// What can be done at a path. Runners may be called `provision`, so their paths overlap.
  private static func operations(at path: [Substring], query: Query) -> [String: Route] {
    switch path.joined(separator: "/") {
    case "": ["GET": .root]
    case "health": ["GET": .health]
    case "health/ready": ["GET": .readiness]
    case "api/v1/auth/me": ["GET": .showCaller]
    case "api/v1/runners": ["GET": .listRunners(query)]
    case "api/v1/runners/provision":
      runnerOperations(["provision"]).merging(["POST": .provisionRunner]) { $1 }
    case "api/v1/admin/approvals": ["GET": .listApprovals(query)]
    default:
      path.starts(with: ["api", "v1", "runners"])
        ? runnerOperations(path.dropFirst(3).map(String.init))
        : approvalOperations(path.map(String.init))
    }
  }

  private static func approvalOperations(_ path: [String]) -> [String: Route] {
    if path.count == 4, path.starts(with: ["api", "v1", "approvals"]) {
      return ["GET": .showApproval(path[3])]
    }
    guard path.count == 6, path.starts(with: ["api", "v1", "admin", "approvals"]),
      let decision = ApprovalDecision(rawValue: path[5])
    else { return [:] }
    return ["POST": .decideApproval(path[4], decision)]
  }

  /// What can be done below `/api/v1/runners`, where the first segment is a runner.
  private static func runnerOperations(_ path: [String]) -> [String: Route] {
    guard let name = path.first else { return [:] }
    switch path.dropFirst() {
    case []: return ["GET": .showRunner(name), "DELETE": .deleteRunner(name)]
    case ["refresh"]: return ["POST": .refreshRunner(name)]
    default: return [:]
    }
  }

  /// The segments of the path, and the query.
  private static func split(_ uri: String) throws(ServiceError) -> ([Substring], Query) {
    let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = parts.first, path.first == "/", uri.utf8.count <= 4096 else {
      throw .badRequest("The path must begin with a slash and be at most 4096 bytes long.")
    }
    let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    let isPlain = path.utf8.allSatisfy { byte in
      (0x21...0x7E).contains(byte) && !"%;\\".utf8.contains(byte)
    }
    let isCanonical = segments.allSatisfy { segment in
      (!segment.isEmpty || segments.count == 1) && segment != "." && segment != ".."
    }
    guard isPlain, isCanonical else {
      throw .badRequest(
        "The path must be written without percent-encoding, empty segments and dot segments.")
    }
    return (segments, try Query(parts.count == 2 ? String(parts[1]) : ""))
  }
}
