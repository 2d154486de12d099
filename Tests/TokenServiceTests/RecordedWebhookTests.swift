import FastCGI
import Foundation
import Runners
import SharedData
import Testing

@testable import TokenService

/// Payloads that GitHub has really sent, or shows in its documentation.
@Suite struct RecordedWebhookTests {
  private static let folder = SharedData.folder("github/webhooks")
  private static var payloads: [URL] {
    let files = folder.flatMap {
      try? FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)
    }
    return (files ?? []).filter { $0.lastPathComponent.hasSuffix(".payload.json") }
      .sorted { $0.path < $1.path }
  }

  @Test(.enabled(if: SharedData.isRequired, "RTS_REQUIRE_SHARED_DATA is not set"))
  func `the payloads are found where they are known to be`() {
    #expect(Self.payloads.count == 23)
  }

  @Test(
    .enabled(
      if: folder != nil, "the payloads are not in shared/data/github/webhooks beside the repository"
    ))
  func `every recorded payload is accepted in both encodings and changes nothing of ours`() throws {
    let world = try World.withWebhooks()
    // Our runner has the id of the runner of GitHub's own that most of the payloads are about.
    _ = try world.pendingRunner()
    #expect(try world.outcome(.job("in_progress", runner: "ci-1", id: 5)) == "200 processed")
    try world.bind("ci-1", toID: 5)
    let runner = try world.liveRunner("ci-1")
    for file in Self.payloads {
      let name = file.lastPathComponent
      let event = try #require(name.split(separator: ".").first)
      var webhook = Webhook("", event: String(event))
      webhook.body = Array(try Data(contentsOf: file))
      let before = try world.fingerprint()
      for webhook in [webhook, try Self.asOurs(webhook)] {
        #expect(try (200..<300).contains(world.deliver(webhook).status), "\(name)")
        #expect(try (200..<300).contains(world.deliver(webhook.asForm).status), "\(name)")
      }
      // Those about the installation are meant for whoever has it.
      if event != "installation" { #expect(try world.fingerprint() == before, "\(name)") }
    }
    #expect(try world.liveRunner("ci-1") == runner)
    #expect(try world.installationState == .deleted)
  }

  @Test(
    .enabled(
      if: folder != nil, "the payloads are not in shared/data/github/webhooks beside the repository"
    ))
  func `a recorded job moves the runner that it is about`() throws {
    for (file, isBusy) in [("in_progress", true), ("completed.success.with-organization", false)] {
      let world = try World.withWebhooks()
      _ = try world.pendingRunner()
      let url = try #require(Self.folder).appending(path: "workflow_job.\(file).payload.json")
      let text = try String(contentsOf: url, encoding: .utf8)
        .replacing("\"GitHub Actions 5\"", with: "\"ci-1\"")
        .replacing("\"GitHub Actions\"", with: "\"Default\"")
        // After the runner was asked for.
        .replacing(/2021-\d\d-\d\dT/, with: "2099-01-01T")
      let webhook = try Self.asOurs(Webhook(text))
      #expect(try world.outcome(webhook) == "200 processed")
      #expect(try world.liveRunner("ci-1")?.busy == isBusy)
      #expect(try world.liveRunner("ci-1")?.status == .active)
    }
  }

  /// The payload as it would be about our installation and organization.
  private static func asOurs(_ webhook: Webhook) throws -> Webhook {
    var object = try #require(
      try JSONSerialization.jsonObject(with: Data(webhook.body)) as? [String: Any])
    var installation = object["installation"] as? [String: Any] ?? [:]
    installation["id"] = 67890
    if var account = installation["account"] as? [String: Any] {
      account["login"] = "demo-org"
      installation["account"] = account
    }
    object["installation"] = installation
    object["organization"] = ["login": "Demo-Org"]
    if var repository = object["repository"] as? [String: Any] {
      var owner = repository["owner"] as? [String: Any] ?? [:]
      owner["login"] = "demo-org"
      repository["owner"] = owner
      object["repository"] = repository
    }
    var ours = webhook
    ours.body = Array(try JSONSerialization.data(withJSONObject: object))
    return ours
  }
}
