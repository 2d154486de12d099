import FastCGI
import Runners
import Storage

extension Service {
  /// GET /api/v1/admin/runners: everybody's, newest first.
  func listAllRunners(_ query: Query, _ admin: Administrator) throws -> Response {
    try listRunners(of: nil, matching: try RunnerFilter(query, ofAllUsers: true))
  }

  /// GET /api/v1/admin/runners/{id}
  func showAnyRunner(_ id: String, _ admin: Administrator) throws -> Response {
    try JSONBody.response(json: RunnerRepresentation(anyRunner(id)).json())
  }

  /// DELETE /api/v1/admin/runners/{id}: as its owner would, and the record says whose it was.
  func deleteAnyRunner(
    _ id: String, _ query: Query, _ admin: Administrator, _ context: RequestContext
  ) throws -> Response {
    let isForced = try isForced(query)
    let runner = try anyRunner(id)
    return try deprovision(
      runner, isForced: isForced, context,
      data: [
        "owner_identity": .text(runner.owner.identity), "owner_issuer": .text(runner.owner.issuer),
        "owner_sub": .text(runner.owner.subject),
      ])
  }

  private func anyRunner(_ id: String) throws -> Runner {
    let runner = try database.read { try $0.runners.runner(id: id) }
    guard let runner, runner.organization == settings.organization else {
      throw ServiceError.runnerNotFound
    }
    return runner
  }
}
