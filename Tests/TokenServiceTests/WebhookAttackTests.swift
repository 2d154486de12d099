import FastCGI
import Foundation
import Runners
import StrictJSON
import Testing

@testable import TokenService

/// Attacks on the webhook endpoint, each with its honest twin, which must get in.
@Suite struct WebhookAttackTests {
  let world: World
  let honest = Webhook.job("in_progress", runner: "ci-1", id: 7)

  init() throws {
    world = try World.withWebhooks()
    _ = try world.pendingRunner()
  }

  /// The attack is refused so and leaves nothing in the database; then the honest delivery moves the runner.
  private func expect(
    _ problem: String, of attack: Webhook, honest twin: Webhook? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try world.fingerprint()
    let answer = try world.deliver(attack)
    #expect(answer.problem == problem, sourceLocation: sourceLocation)
    #expect(answer.header("WWW-Authenticate") == nil, sourceLocation: sourceLocation)
    #expect(try world.fingerprint() == before, sourceLocation: sourceLocation)
    #expect(world.log.all.contains { $0["route"] == "/api/v1/webhooks/github" })
    #expect(
      try world.outcome(twin ?? honest) == "200 processed", sourceLocation: sourceLocation)
  }

  @Test func `GitHub's own example of a signature holds`() throws {
    let webhook = Webhook("Hello, World!", event: "push")
    let signature = try Webhook.sign(webhook.body)
    #expect(
      signature == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
    #expect(try world.deliver(webhook).status == 202)
  }

  @Test func `a webhook signed with another secret is refused`() throws {
    var attack = honest
    attack.signature = try Webhook.sign(attack.body, with: "It's a secret to everybody")
    try expect("401 INVALID_SIGNATURE", of: attack)
  }

  @Test func `a webhook whose body was cut, changed or exchanged is refused`() throws {
    let signature = try Webhook.sign(honest.body)
    var cut = honest
    cut.body.removeLast()
    var changed = honest
    changed.body[20] ^= 1
    var exchanged = Webhook.job("in_progress", runner: "ci-1", id: 8)
    exchanged.signature = signature
    var empty = honest
    empty.body = []
    for var attack in [cut, changed, exchanged, empty] {
      attack.signature = signature
      let before = try world.fingerprint()
      #expect(try world.deliver(attack).problem == "401 INVALID_SIGNATURE")
      #expect(try world.fingerprint() == before)
    }
    #expect(try world.outcome(honest) == "200 processed")
  }

  @Test(
    arguments: [
      "", "sha256=", "sha1=7c5d", "sha256=00", "757107ea0eb2509fc211221cce984b8a",
      "sha256=" + String(repeating: "0", count: 64), "sha256=" + String(repeating: "g", count: 64),
      "sha256=" + String(repeating: "٠", count: 64), "sha256=" + String(repeating: "0", count: 66),
    ])
  func `what is no signature of this body is refused`(signature: String) throws {
    var attack = honest
    attack.signature = signature
    try expect("401 INVALID_SIGNATURE", of: attack)
  }

  @Test func `a signature has one spelling`() throws {
    let signature = try Webhook.sign(honest.body)
    let upper = "sha256=" + signature.dropFirst(7).uppercased()
    for spelling in [upper, signature.uppercased(), signature + " ", " " + signature] {
      var attack = honest
      attack.signature = spelling
      #expect(try world.deliver(attack).problem == "401 INVALID_SIGNATURE")
    }
    #expect(try world.outcome(honest) == "200 processed")
  }

  @Test func `the older signature alone counts as none`() throws {
    var attack = honest
    attack.parameters = [("HTTP_X_HUB_SIGNATURE", "sha1=7c5d0a4d1d3a4e3b2c1d0a4d1d3a4e3b2c1d0a4d")]
    var twin = attack
    // Empty: the header is there for `deliver`, and none for the service.
    attack.parameters.append(("HTTP_X_HUB_SIGNATURE_256", ""))
    twin.signature = nil
    try expect("401 INVALID_SIGNATURE", of: attack, honest: twin)
  }

  @Test func `nothing is looked at before the signature holds`() throws {
    var attack = honest
    attack.signature = "sha256=" + String(repeating: "0", count: 64)
    attack.contentType = "text/html"
    attack.id = "no GUID"
    attack.event = "<script>"
    try expect("401 INVALID_SIGNATURE", of: attack)
  }

  @Test(
    arguments: [
      "HTTP_X_HUB_SIGNATURE_256", "HTTP_X_GITHUB_EVENT", "HTTP_X_GITHUB_DELIVERY",
      "HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_TYPE", "HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_ID",
      "HTTP_CONTENT_TYPE",
    ])
  func `a header that is given twice is refused`(name: String) throws {
    let values = [
      "HTTP_X_HUB_SIGNATURE_256": try Webhook.sign(honest.body),
      "HTTP_X_GITHUB_EVENT": "workflow_job", "HTTP_X_GITHUB_DELIVERY": honest.id,
      "HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_TYPE": "integration",
      "HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_ID": "12345",
      "HTTP_CONTENT_TYPE": "application/json",
    ]
    var attack = honest
    attack.parameters = Array(repeating: (name, try #require(values[name])), count: 2)
    try expect("400 BAD_REQUEST", of: attack)
  }

  @Test(
    arguments: [
      ("HTTP_X_GITHUB_EVENT", ""), ("HTTP_X_GITHUB_EVENT", "Ping"),
      ("HTTP_X_GITHUB_EVENT", "ping\u{7F}"), ("HTTP_X_GITHUB_DELIVERY", ""),
      ("HTTP_X_GITHUB_DELIVERY", "1"), ("HTTP_X_GITHUB_DELIVERY", "'; DROP TABLE runners; --"),
      (
        "HTTP_X_GITHUB_DELIVERY",
        "72d3162e-cc78-11e3-81ab-4c9367dc0958" + String(repeating: "0", count: 64)
      ),
      ("HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_ID", "54321"),
    ])
  func `a signed webhook with headers that GitHub does not send is refused`(
    name: String, value: String
  ) throws {
    var attack = honest
    attack.parameters = [(name, value)]
    try expect("400 BAD_REQUEST", of: attack)
  }

  @Test(arguments: ["", "text/plain", "application/jsonp", "multipart/form-data"])
  func `another content type is refused`(type: String) throws {
    var attack = honest
    attack.contentType = type
    try expect("415 UNSUPPORTED_MEDIA_TYPE", of: attack)
  }

  @Test(
    arguments: [
      "[]", "null", "\"text\"", "", "{", "{}{}", #"{"action":"a","action":"b"}"#,
      String(repeating: "[", count: 100_000),
    ])
  func `a signed payload that is not one JSON object is refused`(json: String) throws {
    try expect("400 INVALID_JSON", of: Webhook(json))
    _ = try world.deliver(.job("completed", runner: "ci-1", id: 7))
    try expect(
      "400 INVALID_JSON", of: Webhook(json).asForm,
      honest: .job("in_progress", runner: "ci-1", id: 7, job: 2).asForm)
  }

  @Test(arguments: ["\"7\"", "-7", "7.0", "true", "{}", "[7]", "9223372036854775808"])
  func `an id that is no positive number is refused`(id: String) throws {
    let text = String(decoding: honest.body, as: UTF8.self)
    let attack = Webhook(text.replacing("\"runner_id\":7", with: "\"runner_id\":\(id)"))
    try #require(attack.body != honest.body)
    try expect("400 BAD_REQUEST", of: attack)
  }

  @Test func `a form is read in one way only`() throws {
    let payload = Webhook.encoded(honest.body)
    for form in [
      "payload=\(payload)&payload=%7B%7D", "payload=%7B%7D&payload=\(payload)",
      "payload=\(payload)&%70ayload=\(payload)", "Payload=\(payload)", "", "payload",
      "payload=%7", "payload=%zz", "x=\(payload)",
    ] {
      var attack = honest.asForm
      attack.body = Array(form.utf8)
      let before = try world.fingerprint()
      #expect(try world.deliver(attack).problem == "400 BAD_REQUEST", "\(form.prefix(40))")
      #expect(try world.fingerprint() == before)
    }
    var twin = honest.asForm
    twin.body = Array("x=1&payload=\(payload)&y".utf8)
    #expect(try world.outcome(twin) == "200 processed")
  }

  @Test func `the signature of a form is that of its bytes, not of the payload in it`() throws {
    var attack = honest.asForm
    attack.signature = try Webhook.sign(honest.body)
    try expect("401 INVALID_SIGNATURE", of: attack, honest: honest.asForm)
  }

  @Test func `a delivery that comes again changes nothing, however its id is written`() throws {
    #expect(try world.outcome(honest) == "200 processed")
    _ = try world.deliver(.job("completed", runner: "ci-1", id: 7, job: 9))
    let before = try world.fingerprint()
    #expect(try world.outcome(honest) == "200 already processed")
    var shouted = honest
    shouted.id = honest.id.uppercased()
    #expect(try world.outcome(shouted) == "200 already processed")
    #expect(try world.fingerprint() == before)
  }

  @Test func `a recorded delivery under a new id does not bring back what is over`() throws {
    #expect(try world.outcome(honest) == "200 processed")
    _ = try world.deliver(.job("completed", runner: "ci-1", id: 7))
    let suspension = Webhook.installation("suspend")
    _ = try world.deliver(suspension)
    _ = try world.deliver(.installation("unsuspend"))
    let before = try world.fingerprint()
    for var replay in [honest, suspension] {
      replay.id = UUID().uuidString
      #expect(try world.outcome(replay) == "200 processed, and nothing was new")
    }
    #expect(try world.fingerprint() == before)
  }

  @Test func `a payload of another event is not taken for one about the installation`() throws {
    // As "repository" and "meta" have it: an action of the same name, and the installation's id only.
    let attack = Webhook(
      #"{"action":"deleted","installation":{"id":67890},"organization":{"login":"demo-org"}}"#,
      event: "installation")
    #expect(try world.deliver(attack).status == 202)
    #expect(try world.installationState == .active)
    #expect(try world.outcome(.installation("deleted")) == "200 processed")
    #expect(try world.installationState == .deleted)
  }

  @Test func `a webhook may be large, and nothing else`() throws {
    func limit(_ method: String, _ uri: String) -> Int {
      world.service.bodyLimit(
        for: Parameters([("REQUEST_METHOD", method), ("REQUEST_URI", uri)]))
    }
    #expect(limit("POST", "/api/v1/webhooks/github") == 25 << 20)
    for (method, uri) in [
      ("POST", "/api/v1/runners/provision"), ("PUT", "/api/v1/webhooks/github"),
      ("POST", "/api/v1/webhooks/github?x=1"), ("POST", "/api/v1/webhooks/github/"),
      ("POST", "//api/v1/webhooks/github"), ("POST", "/api/v1/webhooks/%67ithub"),
    ] {
      #expect(limit(method, uri) == 65_536, "\(method) \(uri)")
    }
  }
}
