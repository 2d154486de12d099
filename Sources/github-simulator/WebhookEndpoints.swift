import Concurrency
import FastCGI
import Foundation
import JOSE
import StrictJSON

extension Endpoint {
  /// The App's webhook: what GitHub tells of its deliveries, and the levers that make them.
  static let webhooks = [
    Endpoint("GET", "/api/v3/app/hook/deliveries", access: .app, Simulator.listDeliveries),
    Endpoint(
      "POST", "/api/v3/app/hook/deliveries/{attempt}/attempts", access: .app, Simulator.redeliver),
    Endpoint("POST", "/control/webhooks", Simulator.makeWebhook),
    Endpoint("POST", "/control/webhooks/redelivered", Simulator.noteRedelivery),
    Endpoint("GET", "/control/webhooks", Simulator.showWebhooks),
  ]
}

extension Simulator {
  /// Newest first. `cursor` is the id of the first attempt on the page.
  fileprivate func listDeliveries(_ call: Call) throws(Refusal) -> Response {
    let wantsFailures = call.query("status").map { $0 == "failure" }
    let cursor = call.query("cursor").flatMap(Int.init) ?? .max
    let size = min(max(call.query("per_page").flatMap(Int.init) ?? 30, 1), 100)
    let attempts = state.withLock { $0.webhooks.attempts }.reversed().filter { attempt in
      attempt.id <= cursor && (wantsFailures == nil || attempt.isSuccess != wantsFailures)
    }
    let page = attempts.prefix(size)
    var response = Response.json(200, page.map { AttemptAnswer($0, settings) })
    if let next = attempts.dropFirst(size).first {
      let status = call.query("status").map { "&status=\($0)" } ?? ""
      response.setDefault(
        "Link",
        "<\(settings.baseURL)/api/v3/app/hook/deliveries?per_page=\(size)\(status)"
          + "&cursor=\(next.id)>; rel=\"next\"")
    }
    return response
  }

  /// The attempt is noted as a success: whoever plays GitHub sends it again.
  fileprivate func redeliver(_ call: Call) throws(Refusal) -> Response {
    let now = now()
    try state.withLock { state throws(Refusal) in
      guard let attempt = call.number("attempt").flatMap(state.webhooks.attempt) else {
        throw .notFound
      }
      state.webhooks.add(attempt.delivery, at: now, statusCode: 200, isRedelivery: true)
    }
    return .json(202, [String: String]())
  }

  /// How the last attempt at a delivery really ended.
  fileprivate func noteRedelivery(_ call: Call) throws(Refusal) -> Response {
    let body = try RequestBody(call, allowing: ["delivery", "status_code"])
    let guid = try body.required("delivery", .string)
    let status = try body.required("status_code", .integer)
    let now = now()
    try state.withLock { state throws(Refusal) in
      guard let attempt = state.webhooks.attempts.last(where: { $0.delivery.guid == guid }) else {
        throw .notFound
      }
      state.webhooks.add(attempt.delivery, at: now, statusCode: status, isRedelivery: true)
    }
    return .noContent
  }

  fileprivate func showWebhooks(_ call: Call) throws(Refusal) -> Response {
    .json(200, ["attempts": state.withLock { $0.webhooks.attempts }.map(KnownAttempt.init)])
  }

  fileprivate func makeWebhook(_ call: Call) throws(Refusal) -> Response {
    let body = try RequestBody(
      call, allowing: ["secret", "event", "action", "status_code", "runner", "job", "payload"])
    let payload = WebhookPayload(
      action: try body.optional("action", .string), settings: settings,
      job: try job(body), members: try body.optional("payload", .object)?.members ?? [])
    let delivery = try WebhookLog.Delivery(
      payload, event: try body.required("event", .string),
      secret: try body.required("secret", .string))
    let status = try body.optional("status_code", .integer) ?? 200
    let now = now()
    state.withLock {
      $0.webhooks.add(delivery, at: now, statusCode: status, isRedelivery: false)
    }
    return .json(201, DeliveryAnswer(delivery))
  }

  /// A job of the runner that the body names; it began or ended this moment.
  private func job(_ body: RequestBody) throws(Refusal) -> JobAnswer? {
    guard let name = try body.optional("runner", .string) else { return nil }
    let id = try body.optional("job", .integer) ?? 1
    let action = try body.optional("action", .string) ?? "in_progress"
    let runner = state.withLock { $0.runners.sorted.first { $0.name == name } }
    guard let runner else { throw .notFound }
    return JobAnswer(id: id, status: action, runner: runner, now: now().utcTimestamp)
  }
}

extension WebhookLog.Delivery {
  fileprivate init(
    _ payload: WebhookPayload, event: String, secret: String
  ) throws(Refusal) {
    guard let body = try? JSONText.encode(payload),
      let hash = try? KeyedHash(key: Array(secret.utf8)).hash(of: body)
    else { throw Refusal(500, "The webhook could not be signed.") }
    guid = UUID().uuidString.lowercased()
    self.event = event
    action = payload.action
    self.body = String(decoding: body, as: UTF8.self)
    signature =
      "sha256="
      + hash.map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
      }.joined()
  }
}

/// What a webhook says: what every one of the App's has, the job where there is one, and what the test wants in it.
private struct WebhookPayload: Encodable {
  let action: String?
  let settings: Simulator.Settings
  let job: JobAnswer?
  let members: [JSONObject.Member]

  private struct Name: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    try container.encodeIfPresent(action, forKey: Name("action"))
    try container.encode(["id": settings.installationID], forKey: Name("installation"))
    try container.encode(["login": settings.organization], forKey: Name("organization"))
    try container.encodeIfPresent(job, forKey: Name("workflow_job"))
    for member in members {
      try container.encode(EncodableJSON(value: member.value), forKey: Name(member.name))
    }
  }
}

/// GitHub's JSON for a job, as far as it is about the runner.
private struct JobAnswer: Encodable {
  let id: Int
  let status: String
  let runner: Runner
  let now: String

  private enum CodingKeys: String, CodingKey {
    case id, status, labels
    case startedAt = "started_at"
    case completedAt = "completed_at"
    case runnerID = "runner_id"
    case runnerName = "runner_name"
    case runnerGroupID = "runner_group_id"
    case runnerGroupName = "runner_group_name"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(status, forKey: .status)
    try container.encode(runner.labels.map(\.name), forKey: .labels)
    try container.encode(now, forKey: .startedAt)
    try container.encode(Nullable(status == "completed" ? now : nil), forKey: .completedAt)
    try container.encode(runner.id, forKey: .runnerID)
    try container.encode(runner.name, forKey: .runnerName)
    try container.encode(runner.groupID, forKey: .runnerGroupID)
    try container.encode("Default", forKey: .runnerGroupName)
  }
}

/// What to send.
private struct DeliveryAnswer: Encodable {
  let delivery: String
  let event: String
  let signature: String
  let body: String

  init(_ delivery: WebhookLog.Delivery) {
    self.delivery = delivery.guid
    event = delivery.event
    signature = delivery.signature
    body = delivery.body
  }
}

/// An attempt with what is to be sent.
private struct KnownAttempt: Encodable {
  let id: Int
  let statusCode: Int
  let redelivery: Bool
  let delivery: String
  let event: String
  let signature: String
  let body: String

  init(_ attempt: WebhookLog.Attempt) {
    id = attempt.id
    statusCode = attempt.statusCode
    redelivery = attempt.isRedelivery
    delivery = attempt.delivery.guid
    event = attempt.delivery.event
    signature = attempt.delivery.signature
    body = attempt.delivery.body
  }
}

/// GitHub's JSON for an attempt in a list.
private struct AttemptAnswer: Encodable {
  let id: Int
  let guid: String
  let deliveredAt: String
  let redelivery: Bool
  let duration = 0.03
  let status: String
  let statusCode: Int
  let event: String
  let action: Nullable<String>
  let installationId: Int
  let repositoryId = Nullable<Int>(nil)

  init(_ attempt: WebhookLog.Attempt, _ settings: Simulator.Settings) {
    id = attempt.id
    guid = attempt.delivery.guid
    deliveredAt = attempt.date.utcTimestamp
    redelivery = attempt.isRedelivery
    status = attempt.isSuccess ? "OK" : "Invalid HTTP Response: \(attempt.statusCode)"
    statusCode = attempt.statusCode
    event = attempt.delivery.event
    action = Nullable(attempt.delivery.action)
    installationId = settings.installationID
  }
}
