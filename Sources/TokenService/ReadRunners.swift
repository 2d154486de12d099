import FastCGI
import Runners
import Storage

extension Service {
  /// GET /api/v1/runners: the caller's own, newest first.
  func listRunners(_ query: Query, _ caller: Principal) throws -> Response {
    try listRunners(of: caller, matching: try RunnerFilter(query))
  }

  /// A page of an owner's runners, of everybody's where that is nil.
  func listRunners(of owner: Principal?, matching filter: RunnerFilter) throws -> Response {
    let (runners, total) = try database.read { transaction in
      try transaction.runners.page(
        of: owner, organization: settings.organization, matching: filter)
    }
    var json = Array("{\"runners\":[".utf8)
    for (index, runner) in runners.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json += try RunnerRepresentation(runner).json()
    }
    json += "],\"total\":\(total)}".utf8
    return JSONBody.response(json: json)
  }

  /// GET /api/v1/runners/{name}
  func showRunner(_ name: String, _ caller: Principal) throws -> Response {
    let runner = try database.read { try ownRunner(name, caller, $0) }
    return try JSONBody.response(json: RunnerRepresentation(runner).json())
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
  /// Reads the query of a list request; one of all users' runners may name a user. Throws `validation` with every fault at
  /// once.
  init(_ query: Query, ofAllUsers: Bool = false) throws(ServiceError) {
    var reader = QueryReader(query)
    let status: RunnerStatus? = reader.choice("status")
    let label = reader.value("label", Label.init, "must be a label")
    let ephemeral = reader.value("ephemeral", { Bool($0) }, "must be true or false")
    let userIdentity = ofAllUsers ? reader.userIdentity() : nil
    let page = reader.page()
    try reader.finish()
    self.init(
      status: status, label: label, ephemeral: ephemeral, userIdentity: userIdentity,
      limit: page.limit, offset: page.offset)
  }
}
