import Foundation
import GitHub
import HTTPClient
import TestSupport
import Testing

@Suite struct RegistrationTokenTests {
  private let world = ScriptedGitHub()

  @Test(arguments: [
    // GitHub's clock as it answers, if it says so, and the expiry by that clock. Here it is 08:00.
    ("Fri, 15 Jan 2027 08:00:00 GMT", "2027-01-15T09:00:00Z"),
    ("Fri, 15 Jan 2027 08:10:00 GMT", "2027-01-15T09:10:00Z"),
    ("Fri, 15 Jan 2027 07:50:00 GMT", "2027-01-15T00:50:00-08:00"),
    (nil, "2027-01-15T09:00:00Z"),
  ])
  func `a token's expiry is told by the clock of this host`(
    date: String?, expiry: String
  ) throws {
    let headers = date.map { [(name: "date", value: $0)] } ?? []
    let body = #"{"token":"AABF","expires_at":"\#(expiry)"}"#
    let client = try world.client { _ in .json(201, body, headers) }
    let token = try client.makeRegistrationToken()
    #expect(token.token == "AABF")
    #expect(token.expiresAt == world.clock.date.addingTimeInterval(3600))
  }
}
