import FastCGI
import Runners
import Storage

extension Service {
  private struct EventList: Encodable {
    let events: [SecurityEventRepresentation]
    let total: Int
  }

  /// GET /api/v1/admin/security-events: newest first.
  func listSecurityEvents(_ query: Query, _ admin: Administrator) throws -> Response {
    let filter = try SecurityEventFilter(query)
    let (events, total) = try database.read { try $0.securityEvents.page(matching: filter) }
    return try JSONBody.response(
      EventList(events: events.map(SecurityEventRepresentation.init), total: total))
  }
}

extension SecurityEventFilter {
  /// Reads the query of a list request. Throws `validation` with every fault at once.
  fileprivate init(_ query: Query) throws(ServiceError) {
    var reader = QueryReader(query)
    let kind: SecurityEvent.Kind? = reader.choice("event_type")
    let severity: SecurityEvent.Severity? = reader.choice("severity")
    let userIdentity = reader.userIdentity()
    let since = reader.time("since")
    let until = reader.time("until")
    let page = reader.page()
    try reader.finish()
    self.init(
      kind: kind, severity: severity, userIdentity: userIdentity, since: since, until: until,
      limit: page.limit, offset: page.offset)
  }
}
