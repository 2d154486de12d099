import FastCGI
import Runners
import Storage

extension Service {
  /// GET /api/v1/admin/audit-log: newest first. `total` counts no further than `AuditLogStore.countLimit`.
  func listAuditLog(_ query: Query, _ admin: Administrator) throws -> Response {
    let filter = try AuditLogFilter(query)
    let (records, total) = try database.read { try $0.auditLog.page(matching: filter) }
    let events = try records.map { try $0.json() }.joined(separator: ",")
    return JSONBody.response(json: Array("{\"events\":[\(events)],\"total\":\(total)}".utf8))
  }
}

extension AuditLogFilter {
  /// Reads the query of a list request. Throws `validation` with every fault at once.
  fileprivate init(_ query: Query) throws(ServiceError) {
    var reader = QueryReader(query)
    let kind: AuditEvent.Kind? = reader.choice("event_type")
    let userIdentity = reader.userIdentity()
    let runner = reader.value(
      "runner", { RunnerName($0)?.description }, "must be the id or the name of a runner")
    let since = reader.time("since")
    let until = reader.time("until")
    let page = reader.page()
    try reader.finish()
    self.init(
      kind: kind, userIdentity: userIdentity, runner: runner, since: since, until: until,
      limit: page.limit, offset: page.offset)
  }
}
