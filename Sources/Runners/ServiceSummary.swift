/// How the service stands, as the database has it.
public struct ServiceSummary: Sendable, Equatable {
  public let organization: String
  public let installation: Installation
  /// Live runners by their state; states without one are left out.
  public let runners: [RunnerStatus: Int]
  /// Runners that GitHub has not let go yet.
  public let runnersToRemove: Int
  public let pendingApprovals: Int
  public let labelPolicies: Int
  /// Of high and critical severity, within the last day.
  public let graveSecurityEvents: Int

  public init(
    organization: String, installation: Installation, runners: [RunnerStatus: Int],
    runnersToRemove: Int, pendingApprovals: Int, labelPolicies: Int, graveSecurityEvents: Int
  ) {
    self.organization = organization
    self.installation = installation
    self.runners = runners
    self.runnersToRemove = runnersToRemove
    self.pendingApprovals = pendingApprovals
    self.labelPolicies = labelPolicies
    self.graveSecurityEvents = graveSecurityEvents
  }
}
