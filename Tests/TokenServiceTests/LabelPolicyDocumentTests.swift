import FastCGI
import Foundation
import Runners
import Storage
import StrictJSON
import Testing

@testable import TokenService

/// The examples of docs/LABEL_POLICY.md, run as they are written.
@Suite struct LabelPolicyDocumentTests {
  private static let document = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "docs/LABEL_POLICY.md")

  private func text() throws -> String { try String(contentsOf: Self.document, encoding: .utf8) }

  private func examples() throws -> [Example] {
    try text().components(separatedBy: "\n### Example ").dropFirst().map(Example.init)
  }

  @Test func `there are six examples or more, of four rows or more each`() throws {
    let examples = try examples()
    #expect(examples.count >= 6)
    for example in examples { #expect(example.rows.count >= 4, "\(example.title)") }
  }

  @Test func `every row of every example holds`() throws {
    for example in try examples() {
      for row in example.rows {
        #expect(try example.answer(to: row) == row["answer"], "\(example.title): \(row)")
      }
    }
  }

  @Test func `the service answers every row of every example so`() throws {
    for example in try examples() {
      for row in example.rows {
        let answer = try ServedExample(example).answer(to: row)
        #expect(answer == row["answer"], "\(example.title): \(row)")
      }
    }
  }

  @Test func `a row that does not hold is seen`() throws {
    let example = try Example(
      """
      0: a
      ```json
      {"allowed_labels": ["gpu"]}
      ```
      | request labels | kind | ephemeral | live runners | answer |
      |---|---|---|---|---|
      | tpu | token | yes | 0 | 201 |
      """)
    #expect(try example.rows.map { try example.answer(to: $0) } == ["403, labels tpu"])
    let served = try ServedExample(example)
    #expect(try example.rows.map { try served.answer(to: $0) } == ["403, labels tpu"])
  }

  @Test func `callers see what the document says`() throws {
    let errors: [ServiceError] = [
      .labelPolicyViolation(labels: ["gpu"]), .runnerGroupNotAllowed(7),
      .runnerKindNotAllowed(instead: "…"), .quotaExceeded(limit: 5, current: 5),
    ]
    let text = try text()
    for problem in errors.map(Problem.init) {
      // The kind's text ends as the sentence's rest says.
      let detail = problem.detail.replacing("….", with: "…")
      #expect(text.contains("| \(problem.status) | `\(problem.code)` | \(detail) |"))
    }
  }
}

/// An example as an admin and a caller of the service meet it.
private struct ServedExample {
  private let world: World
  private let example: Example

  init(_ example: Example) throws {
    self.example = example
    world = try World(
      defaultPolicy: .deny, adminIdentities: ["root@example.com"], hasClaimPolicies: true)
    for id in [4, 5, 7] {
      try world.control("POST", "/runner-groups", #"{"id":\#(id),"name":"group-\#(id)"}"#)
    }
    let members = example.storedJSON.trimmingCharacters(in: .whitespacesAndNewlines).dropFirst()
    let saved = try world.save(#"{"user_identity":"alice@example.com","# + members)
    try #require(saved.status == 201, "\(saved.text)")
  }

  private func token() throws -> String {
    var claims = #"{"sub":"alice","email":"alice@example.com","email_verified":true"#
    if let claimed = example.claimedJSON {
      claims += "," + claimed.trimmingCharacters(in: .whitespacesAndNewlines).dropFirst()
    } else {
      claims += "}"
    }
    return try world.token("alice", claims)
  }

  func answer(to row: [String: String]) throws -> String {
    let count = try #require(Int(row["live runners"] ?? ""))
    for number in 0..<count { try addLiveRunner("live-\(number)") }
    let labels = try #require(row["request labels"]).split(separator: ",")
      .map { "\"\($0.trimmingCharacters(in: .whitespaces))\"" }.joined(separator: ",")
    var body = #"{"runner_name_prefix":"ci","labels":[\#(labels)]"#
    if row["ephemeral"] == "no" { body += #","ephemeral":false"# }
    if let group = row["runner group"], !group.isEmpty { body += #","runner_group_id":\#(group)"# }
    let route = row["kind"] == "jit" ? "jit" : "provision"
    let response = world.send(
      "POST", "/api/v1/runners/\(route)", token: try token(), body: body + "}")
    let answer = try response.object
    switch answer["error_code"]?.string {
    case nil: return String(response.status)
    case "QUOTA_EXCEEDED":
      let (limit, current) = (answer["limit"]?.integer ?? -1, answer["current"]?.integer ?? -1)
      return "429, limit \(limit), current \(current)"
    case "RUNNER_GROUP_NOT_ALLOWED":
      let id = try #require(answer["detail"]?.string?.firstMatch(of: #/group (\d+)/#)?.output.1)
      return "403, runner group \(id)"
    case "LABEL_POLICY_VIOLATION":
      if let labels = answer["invalid_labels"]?.strings {
        return "403, labels " + labels.joined(separator: ", ")
      }
      let detail = try #require(answer["detail"]?.string)
      return detail.contains("/jit") ? "403, JIT only" : "403, ephemeral only"
    case let code?: return "\(response.status), \(code)"
    }
  }

  private func addLiveRunner(_ name: String) throws {
    try world.database.write { transaction in
      try transaction.runners.insert(
        Runner(
          id: name, name: #require(RunnerName(name)), organization: "demo-org", status: .active,
          busy: false, githubRunnerID: nil, runnerGroupID: 1, labels: [], ephemeral: true,
          disableUpdate: false, provisioning: .registrationToken,
          owner: Principal(
            issuer: World.baseURL + "/oidc", subject: "alice", identity: "alice@example.com",
            isAdmin: false),
          isIssued: true, pendingUntil: transaction.now, createdAt: transaction.now,
          updatedAt: transaction.now, registeredAt: transaction.now, deletedAt: nil,
          deletionReason: nil))
    }
  }
}

/// A policy and the requests that the document says the answers to.
private struct Example {
  let title: String
  /// As the document has them.
  let storedJSON: String
  let claimedJSON: String?
  let policy: ApplicablePolicy
  /// By the names of the columns.
  let rows: [[String: String]]

  init(_ section: String) throws {
    title = String(section.prefix { $0 != "\n" })
    let blocks = section.components(separatedBy: "```json\n").dropFirst().map { part in
      part.components(separatedBy: "```")[0]
    }
    storedJSON = try #require(blocks.first)
    claimedJSON = blocks.dropFirst().first
    let objects = try blocks.map {
      try #require(try JSONValue(parsing: Array($0.utf8)).object)
    }
    let stored = try LabelPolicy(try #require(objects.first))
    let claimed = try objects.dropFirst().first.map { object in
      #expect(object.members.map(\.name) == ["runner_permissions"])
      return try LabelPolicy(try #require(object["runner_permissions"]?.object))
    }
    policy = ApplicablePolicy(
      stored: stored, claimed: claimed, default: .deny, defaultMaximumRunners: nil)
    let lines = section.split(separator: "\n").filter { $0.hasPrefix("|") }.map(Self.cells)
    let header = try #require(lines.first)
    for column in ["request labels", "kind", "ephemeral", "live runners", "answer"] {
      #expect(header.contains(column))
    }
    rows = try lines.dropFirst(2).map { cells in
      try #require(cells.count == header.count, "\(cells)")
      return Dictionary(uniqueKeysWithValues: zip(header, cells))
    }
  }

  private static func cells(_ line: Substring) -> [String] {
    line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  func answer(to row: [String: String]) throws -> String {
    let labels = try #require(row["request labels"]).split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    let group = row["runner group"].flatMap { $0.isEmpty ? nil : $0 }
    let flags = ["yes": true, "no": false]
    let kinds = ["token": Provisioning.registrationToken, "jit": .jit]
    let request = ProvisionRequest(
      name: .generated(try #require(RunnerNamePrefix("ci"))),
      labels: try labels.map { try #require(Label($0)) },
      runnerGroupID: try group.map { try #require(Int64($0)) },
      ephemeral: try #require(flags[row["ephemeral"] ?? ""] as Bool?))
    let verdict = policy.verdict(
      on: request, kind: try #require(kinds[row["kind"] ?? ""]),
      liveRunners: try #require(Int(row["live runners"] ?? "")), defaultRunnerGroupID: 1)
    guard let reason = verdict.reasons.first else {
      return verdict.requiresApproval ? "202" : "201"
    }
    return switch reason {
    case .noPolicy: "403, no policy"
    case .labelsNotAllowed(let labels):
      "403, labels \(labels.map(\.description).joined(separator: ", "))"
    case .runnerGroupNotAllowed(let id): "403, runner group \(id)"
    case .jitRequired: "403, JIT only"
    case .ephemeralRequired: "403, ephemeral only"
    case .quotaExceeded(let limit, let current): "429, limit \(limit), current \(current)"
    case .patternLimit(let sources): "403, patterns \(sources.joined(separator: ", "))"
    }
  }
}

extension LabelPolicy {
  /// Every member has to be one that the document's table names, and of its type.
  fileprivate init(_ object: JSONObject) throws {
    self.init()
    for member in object.members {
      let value = member.value
      switch member.name {
      case "allowed_labels":
        allowedLabels = try #require(value.strings).map { try #require(AllowedLabel($0)) }
      case "label_patterns":
        labelPatterns = try #require(value.strings).map { try LabelPattern($0) }
      case "max_runners": maximumRunners = Int(try #require(value.integer))
      case "require_approval": requiresApproval = try #require(value.bool as Bool?)
      case "allowed_runner_groups":
        allowedRunnerGroups = Set(
          try #require(value.array).map { try #require($0.integer) })
      case "require_jit": requiresJIT = try #require(value.bool as Bool?)
      case "require_ephemeral": requiresEphemeral = try #require(value.bool as Bool?)
      case "description": description = value.string
      default: Issue.record("\(member.name) is no member of a policy")
      }
    }
  }
}
