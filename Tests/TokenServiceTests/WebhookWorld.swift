import FastCGI
import Foundation
import JOSE
import Runners
import Storage
import StrictJSON
import Testing

@testable import TokenService

/// A webhook on its way, signed by GitHub unless a test does worse.
struct Webhook {
  static let secret = "It's a Secret to Everybody"

  var body: [UInt8]
  var event = "workflow_job"
  var id = UUID().uuidString.lowercased()
  var contentType = "application/json"
  /// nil: that of the body.
  var signature: String?
  /// Beside those that a delivery always has, or in place of them.
  var parameters: [(name: String, value: String)] = []

  init(_ json: String, event: String = "workflow_job") {
    body = Array(json.utf8)
    self.event = event
  }

  /// About a job of a runner in the organization where our App is installed.
  static func job(
    _ action: String, runner name: String, id runnerID: Int64, job: Int64 = 1,
    startedAt: String = "null", completedAt: String = "null", group: String = "Default",
    installation: Int64 = 67890, organization: String = "demo-org"
  ) -> Webhook {
    Webhook(
      """
      {"action":"\(action)","installation":{"id":\(installation),"node_id":"x"},
      "organization":{"login":"\(organization)"},"unknown":[],"workflow_job":{"id":\(job),
      "runner_id":\(runnerID),"runner_name":"\(name)","runner_group_name":"\(group)",
      "started_at":\(startedAt),"completed_at":\(completedAt),"labels":[]}}
      """)
  }

  static func installation(
    _ action: String, id: Int64 = 67890, account: String = "demo-org",
    updatedAt: String = "2026-11-22T10:00:00Z"
  ) -> Webhook {
    Webhook(
      """
      {"action":"\(action)","installation":{"id":\(id),"account":{"login":"\(account)"},
      "updated_at":"\(updatedAt)","suspended_at":null}}
      """, event: "installation")
  }

  static func sign(_ body: [UInt8], with secret: String = secret) throws -> String {
    let hash = try KeyedHash(key: Array(secret.utf8)).hash(of: body)
    return "sha256=" + hash.map { String(format: "%02x", $0) }.joined()
  }

  /// The same payload as a form.
  var asForm: Webhook {
    var form = self
    form.body = Array(("payload=" + Self.encoded(body)).utf8)
    form.contentType = "application/x-www-form-urlencoded"
    return form
  }

  static func encoded(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      Character(Unicode.Scalar(byte)).isLetter && byte < 0x80
        ? String(Character(Unicode.Scalar(byte))) : String(format: "%%%02X", byte)
    }.joined()
  }
}

extension World {
  static func withWebhooks() throws -> World {
    try World(webhookSecret: Webhook.secret)
  }

  func deliver(_ webhook: Webhook) throws -> Response {
    var pairs: [(name: String, value: String)] = [
      ("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/api/v1/webhooks/github"),
      ("REMOTE_ADDR", "192.0.2.7"), ("REQUEST_ID", "0123456789abcdef"),
      ("HTTP_USER_AGENT", "GitHub-Hookshot/abc"), ("CONTENT_TYPE", webhook.contentType),
      ("HTTP_CONTENT_TYPE", webhook.contentType),
      ("HTTP_X_GITHUB_EVENT", webhook.event), ("HTTP_X_GITHUB_DELIVERY", webhook.id),
      ("HTTP_X_HUB_SIGNATURE_256", try webhook.signature ?? Webhook.sign(webhook.body)),
      ("HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_TYPE", "integration"),
      ("HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_ID", "12345"),
    ]
    let names = Set(webhook.parameters.map(\.name))
    pairs = pairs.filter { !names.contains($0.name) } + webhook.parameters
    return service.recordedResponse(
      to: Request(parameters: Parameters(pairs), body: .complete(webhook.body)))
  }

  /// Status and what became of it.
  func outcome(_ webhook: Webhook) throws -> String {
    let response = try deliver(webhook)
    let text = try response.object["outcome"]?.string ?? response.problem
    return response.status < 300 ? "\(response.status) \(text)" : text
  }

  /// A runner of Alice's that has been issued and that nobody has looked at.
  func pendingRunner(_ name: String = "ci-1", ephemeral: Bool = true) throws -> Runners.Runner {
    let response = try provision(
      #"{"runner_name":"\#(name)","labels":["gpu"],"ephemeral":\#(ephemeral)}"#)
    try #require(response.status == 201, "\(response.text)")
    return try #require(try liveRunner(name))
  }

  /// As an answer of GitHub's would.
  func bind(_ name: String, toID id: Int64) throws {
    var runner = try #require(try liveRunner(name))
    runner.githubRunnerID = id
    let bound = runner
    try database.write { try $0.runners.update(bound) }
  }

  /// All that webhooks may change, as text.
  func fingerprint() throws -> String {
    let rows = try database.read { transaction in
      try transaction.runners.page(of: nil, organization: "demo-org", matching: .init())
    }.runners
    let installation = try database.read { try $0.installations.installation(id: 67890) }
    return "\(rows) \(installation) \(try auditEvents())"
  }

  var installationState: Installation.State {
    get throws { try database.read { try $0.installations.installation(id: 67890).state } }
  }
}
