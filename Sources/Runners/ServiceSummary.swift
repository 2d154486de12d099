/// How the service stands, as the database has it.
public struct ServiceSummary: Sendable, Equatable {
  /// Whose runners these are, by its login.
  public let organization: String
  /// Of the App in that organization.
  public let installation: Installation
  /// Live runners by their state; states without one are left out.
  public let runners: [RunnerStatus: Int]
  /// Runners that GitHub has not let go yet.
  public let runnersToRemove: Int
  /// Requests that wait for an admin's decision and have not expired.
  public let pendingApprovals: Int
  /// How many identities have a stored label policy.
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
