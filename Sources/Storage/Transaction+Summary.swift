import GRDB
public import Runners

extension Transaction {
  /// How the service stands.
  public func summary(organization: String, installationID: Int64) throws -> ServiceSummary {
    var runners: [RunnerStatus: Int] = [:]
    let counts = try database.rows(
      sql: """
        SELECT status, count(*) FROM runners
        WHERE organization = ? AND status <> 'deleted' GROUP BY status
        """, arguments: [organization]
    ) { (RunnerStatus(rawValue: $0[0]), $0[1] as Int) }
    for case (let status?, let count) in counts { runners[status] = count }
    return ServiceSummary(
      organization: organization, installation: try installations.installation(id: installationID),
      runners: runners,
      runnersToRemove: try count(
        "runners WHERE organization = ? AND status <> 'deleted' AND removal_reason IS NOT NULL",
        [organization]),
      pendingApprovals: try count(
        "approvals WHERE organization = ? AND status = 'pending' AND expires_at > ?",
        [organization, now.description]),
      labelPolicies: try count("label_policies", []),
      graveSecurityEvents: try count(
        "security_events WHERE timestamp >= ? AND severity IN ('high', 'critical')",
        [now.adding(seconds: -86_400).description]))
  }

  private func count(_ what: String, _ arguments: StatementArguments) throws -> Int {
    try database.value(Int.self, sql: "SELECT count(*) FROM \(what)", arguments: arguments) ?? 0
  }
}
