import GitHub
import Testing

@testable import TokenService

/// What the App asks for itself, against the simulator: scripts/check-contract holds these exchanges against the schemas.
@Suite struct AppTests {
  @Test func `the App is shown with what it may do, and its installation with its account`() throws
  {
    let world = try World()
    let app = try world.service.github.app()
    #expect(app.permissions["organization_self_hosted_runners"] == "write")
    let installation = try world.service.github.installation()
    #expect(installation.account?.login == "demo-org")
    #expect(installation.suspendedAt == nil)
    try world.control("POST", "/installation", #"{"suspended":true}"#)
    #expect(try world.service.github.installation().suspendedAt != nil)
  }
}
