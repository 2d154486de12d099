import FastCGI
import Runners
import Storage

extension Service {
  private struct RunnerList: Encodable {
    let runners: [RunnerRepresentation]
    let total: Int
  }

  /// GET /api/v1/runners: the caller's own, newest first.
  func listRunners(_ query: Query, _ caller: Principal) throws -> Response {
    let filter = try RunnerFilter(query)
    let (runners, total) = try database.read { transaction in
      try transaction.runners.page(
        of: caller, organization: settings.organization, matching: filter)
    }
    return try JSONBody.response(
      RunnerList(runners: runners.map(RunnerRepresentation.init), total: total))
  }

  /// GET /api/v1/runners/{name}
  func showRunner(_ name: String, _ caller: Principal) throws -> Response {
    let runner = try database.read { try ownRunner(name, caller, $0) }
    return try JSONBody.response(RunnerRepresentation(runner))
  }

  /// The caller's runner: by name the live one, by id any. Somebody else's is not found, as if it did not exist.
  func ownRunner(
    _ nameOrID: String, _ caller: Principal, _ transaction: Transaction
  ) throws -> Runner {
    let named = try RunnerName(nameOrID).flatMap {
      try transaction.runners.live(named: $0, organization: settings.organization)
    }
    if let named, named.owner == caller { return named }
    guard let identified = try transaction.runners.runner(id: nameOrID), identified.owner == caller,
      identified.organization == settings.organization
    else { throw ServiceError.runnerNotFound }
    return identified
  }
}

extension RunnerFilter {
  /// Reads the query of a list request. Throws `validation` with every fault at once.
  fileprivate init(_ query: Query) throws(ServiceError) {
    try query.expectOnly(["status", "label", "ephemeral", "limit", "offset"])
    var errors: [FieldError] = []
    func read<Value>(_ name: String, _ parse: (String) -> Value?, _ message: String) -> Value? {
      guard let text = query[name] else { return nil }
      let value = parse(text)
      if value == nil { errors.append(FieldError(name, message)) }
      return value
    }
    let statuses = RunnerStatus.allCases.map(\.rawValue).joined(separator: ", ")
    let status = read("status", RunnerStatus.init(rawValue:), "must be one of \(statuses)")
    let label = read("label", Label.init, "must be a label")
    let ephemeral = read("ephemeral", { Bool($0) }, "must be true or false")
    let limit = read(
      "limit", { Int($0).flatMap { (1...1000).contains($0) ? $0 : nil } }, "must be 1 to 1000")
    let offset = read(
      "offset", { Int($0).flatMap { $0 >= 0 ? $0 : nil } }, "must be a whole number, 0 or more")
    guard errors.isEmpty else { throw .validation(errors) }
    self.init(
      status: status, label: label, ephemeral: ephemeral, limit: limit ?? 100, offset: offset ?? 0)
  }
}
