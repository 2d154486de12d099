import Testing

@testable import runner_token_service

/// What the App must be allowed, as `check-config --online` sees it.
@Suite struct AppRequirementsTests {
  private static let runners = "organization_self_hosted_runners"

  @Test(
    arguments: [
      ([:], ["organization_self_hosted_runners: write"]),
      ([runners: "read"], ["organization_self_hosted_runners: write"]),
      ([runners: "sudo"], ["organization_self_hosted_runners: write"]),
      // A far wider grant is no substitute: it is for the runners of repositories.
      (["administration": "write"], ["organization_self_hosted_runners: write"]),
      ([runners: "write"], []), ([runners: "admin"], []),
    ] as [([String: String], [String])])
  func `registering runners needs to write to the organization's`(
    granted: [String: String], missing: [String]
  ) {
    let requirements = AppRequirements(receivesWebhooks: false)
    #expect(requirements.missing(permissions: granted) == missing)
    #expect(requirements.missing(events: []) == [])
  }

  @Test func `hearing of jobs needs to read actions, and the event`() {
    let requirements = AppRequirements(receivesWebhooks: true)
    #expect(requirements.missing(permissions: [Self.runners: "write"]) == ["actions: read"])
    #expect(
      requirements.missing(permissions: [Self.runners: "write", "actions": "write"]) == [])
    #expect(requirements.missing(events: ["push"]) == ["workflow_job"])
    #expect(requirements.missing(events: ["push", "workflow_job"]) == [])
  }
}
