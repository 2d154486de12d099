import Foundation
import Runners

/// The API: every operation is a case, and one `switch` in `Service` answers them all.
enum Route: Sendable, Equatable {
  case root
  case apiDocument
  case health
  case readiness
  case provisionRunner(Provisioning)
  /// With `dry_run=true`: what would be decided.
  case explainProvision(Provisioning)
  /// With `as` beside: for the caller with this identity, whom an admin asks about.
  case explainProvisionOf(String, Provisioning)
  case listRunners(Query)
  /// By the name of a live runner, or the id of any.
  case showRunner(String)
  case refreshRunner(String)
  case deleteRunner(String, Query)
  case showCaller
  case showApproval(String)
  case listApprovals(Query)
  case decideApproval(String, ApprovalDecision)
  case saveLabelPolicy
  case listLabelPolicies(Query)
  /// By the identity whose policy it is, decoded.
  case showLabelPolicy(String)
  case deleteLabelPolicy(String)
  case listSecurityEvents(Query)
  case listAuditLog(Query)
  case listAllRunners(Query)
  /// By the id of any.
  case showAnyRunner(String)
  case deleteAnyRunner(String, Query)
  case listRunnerGroups
  case receiveWebhook

  /// Finds the operation by the raw `REQUEST_URI`. The web server's own reading of a path decodes, merges and resolves;
  /// deciding on another reading than the one that its rules were written for is how paths get smuggled, so a path that
  /// has more than one reading is refused. Only an identity in the path may be encoded, and `identity(_:)` says which.
  init(method: String, uri: String) throws(ServiceError) {
    let (path, query) = try Self.split(uri)
    let operations = try Self.operations(at: path, query: query)
    guard !operations.isEmpty else { throw .notFound }
    let wanted = method == "HEAD" ? "GET" : method
    guard let route = operations[wanted] else {
      var allowed = operations.keys.sorted()
      if let get = allowed.firstIndex(of: "GET") { allowed.insert("HEAD", at: get + 1) }
      throw .methodNotAllowed(allowed: allowed)
    }
    if case .provisionRunner(let kind) = route {
      self = try Self.provision(kind, query)
    } else {
      if !route.takesQuery { try query.expectOnly([]) }
      self = route
    }
  }

  private static func provision(
    _ kind: Provisioning, _ query: Query
  ) throws(ServiceError) -> Route {
    try query.expectOnly(["dry_run", "as"])
    guard let dryRun = query["dry_run"] else {
      guard query["as"] == nil else {
        throw .validation([FieldError("as", "is only for dry_run=true")])
      }
      return .provisionRunner(kind)
    }
    guard dryRun == "true" else {
      throw .validation([FieldError("dry_run", "must be true, or left out")])
    }
    guard let identity = query["as"] else { return .explainProvision(kind) }
    guard UserIdentity.isValid(identity) else {
      throw .validation([FieldError("as", "must be an identity of \(UserIdentity.rule)")])
    }
    return .explainProvisionOf(identity, kind)
  }

  /// Whether the operation reads the query, and then also refuses what it does not know there.
  private var takesQuery: Bool {
    switch self {
    case .listRunners, .listApprovals, .listLabelPolicies, .listSecurityEvents, .listAuditLog,
      .listAllRunners, .deleteRunner, .deleteAnyRunner:
      true
    default: false
    }
  }

  /// What can be done at a path. Runners may be called `provision` or `jit`, so their paths overlap.
  private static func operations(
    at path: [Substring], query: Query
  ) throws(ServiceError) -> [String: Route] {
    switch path.joined(separator: "/") {
    case "": return ["GET": .root]
    case "openapi.json": return ["GET": .apiDocument]
    case "health": return ["GET": .health]
    case "health/ready": return ["GET": .readiness]
    case "api/v1/webhooks/github": return ["POST": .receiveWebhook]
    case "api/v1/auth/me": return ["GET": .showCaller]
    case "api/v1/runners": return ["GET": .listRunners(query)]
    case "api/v1/runners/provision":
      return runnerOperations(["provision"], query: query)
        .merging(["POST": .provisionRunner(.registrationToken)]) { $1 }
    case "api/v1/runners/jit":
      return runnerOperations(["jit"], query: query)
        .merging(["POST": .provisionRunner(.jit)]) { $1 }
    case "api/v1/runner-groups": return ["GET": .listRunnerGroups]
    default:
      let rest = path.dropFirst(3)
      if path.starts(with: ["api", "v1", "runners"]) {
        return runnerOperations(rest.map(String.init), query: query)
      }
      if path.starts(with: ["api", "v1", "admin"]) {
        return try adminOperations(rest.map(String.init), query: query)
      }
      if path.starts(with: ["api", "v1", "approvals"]), let id = rest.first, rest.count == 1 {
        return ["GET": .showApproval(String(id))]
      }
      return [:]
    }
  }

  /// What can be done below `/api/v1/runners`, where the first segment is a runner.
  private static func runnerOperations(_ path: [String], query: Query) -> [String: Route] {
    guard let name = path.first else { return [:] }
    switch path.dropFirst() {
    case []: return ["GET": .showRunner(name), "DELETE": .deleteRunner(name, query)]
    case ["refresh"]: return ["POST": .refreshRunner(name)]
    default: return [:]
    }
  }

  /// What can be done below `/api/v1/admin`. Each of these is for admins only.
  private static func adminOperations(
    _ path: [String], query: Query
  ) throws(ServiceError) -> [String: Route] {
    switch (path.first, path.dropFirst().first, path.count) {
    case ("label-policies", nil, _):
      return ["GET": .listLabelPolicies(query), "POST": .saveLabelPolicy]
    case ("label-policies", let user?, 2):
      let identity = try identity(user)
      return ["GET": .showLabelPolicy(identity), "DELETE": .deleteLabelPolicy(identity)]
    case ("security-events", nil, _):
      return ["GET": .listSecurityEvents(query)]
    case ("audit-log", nil, _):
      return ["GET": .listAuditLog(query)]
    case ("runners", nil, _):
      return ["GET": .listAllRunners(query)]
    case ("runners", let id?, 2):
      return ["GET": .showAnyRunner(id), "DELETE": .deleteAnyRunner(id, query)]
    case ("approvals", nil, _):
      return ["GET": .listApprovals(query)]
    case ("approvals", let id?, 3):
      guard let decision = path.last.flatMap(ApprovalDecision.init(rawValue:)) else { return [:] }
      return ["POST": .decideApproval(id, decision)]
    default:
      return [:]
    }
  }

  /// The identity that a segment stands for, decoded once. The web server decodes the whole path and then merges slashes
  /// and resolves dots before it matches its locations, so a text for which that changes anything is refused.
  private static func identity(_ segment: String) throws(ServiceError) -> String {
    guard let identity = segment.removingPercentEncoding, UserIdentity.isValid(identity) else {
      throw .badRequest(
        "The identity in the path must be percent-encoded UTF-8 of \(UserIdentity.rule).")
    }
    let parts = identity.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let isCanonical = parts.allSatisfy { part in
      !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
    }
    guard isCanonical else {
      throw .badRequest(
        "An identity in the path must not begin or end with a slash, nor have empty or dot segments."
      )
    }
    return identity
  }

  /// The place in a path where a segment may be percent-encoded.
  private static func encodedSegment(of path: [Substring]) -> Int? {
    path.count == 5 && path.starts(with: ["api", "v1", "admin", "label-policies"]) ? 4 : nil
  }

  /// The segments of the path, and the query.
  private static func split(_ uri: String) throws(ServiceError) -> ([Substring], Query) {
    let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = parts.first, path.first == "/", uri.utf8.count <= 4096 else {
      throw .badRequest("The path must begin with a slash and be at most 4096 bytes long.")
    }
    let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    let encoded = encodedSegment(of: segments)
    let isPlain = segments.enumerated().allSatisfy { index, segment in
      segment.utf8.allSatisfy { byte in
        (0x21...0x7E).contains(byte) && !";\\#".utf8.contains(byte)
          && (byte != UInt8(ascii: "%") || index == encoded)
      }
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
