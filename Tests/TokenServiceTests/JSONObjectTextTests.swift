import Foundation
import Runners
import Testing

@testable import TokenService

/// What is written member by member is what Foundation's encoder would have made of it, to the byte.
@Suite struct JSONObjectTextTests {
  enum Value: Encodable {
    case text(String?)
    case texts([String])
    case number(Int64?)
    case flag(Bool)

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .texts(let texts): try container.encode(texts)
      case .number(let number): try container.encode(number)
      case .flag(let flag): try container.encode(flag)
      }
    }
  }

  private func expectLikeTheEncoder(_ text: String) throws {
    var object = JSONObjectText()
    try object.add("text", text)
    try object.add("texts", ["plain", text, text])
    let expected: [String: Value] = ["text": .text(text), "texts": .texts(["plain", text, text])]
    let isSame = object.finished() == JSONBody.encode(expected)
    #expect(isSame, "\(text.debugDescription.prefix(100))")
  }

  @Test(arguments: [
    "", "\"", "\\", "/", "\\\"", "a\\", "</script>", "\r\n", "\u{0}", "\u{7F}", "\u{80}", "\u{9F}",
    "\u{2028}\u{2029}", "e\u{301}", "\u{301}", "👩‍👩‍👧‍👦", "🇨🇭", "\u{FEFF}", "\u{202E}gpu", "\u{D7FF}",
    "\u{E000}", "\u{FFFD}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}", "{}[],:", "null", "\\u0000",
  ])
  func `a text is escaped as the encoder does`(text: String) throws {
    try expectLikeTheEncoder(text)
  }

  @Test func `a huge text is escaped as the encoder does`() throws {
    try expectLikeTheEncoder(String(repeating: "a", count: 100_000))
    try expectLikeTheEncoder(String(repeating: "\"é", count: 50_000))
  }

  @Test func `every character of the most used blocks is escaped as the encoder does`()
    throws
  {
    let blocks: [ClosedRange<UInt32>] = [0...0x24FF, 0xFE00...0xFFFF, 0x1F600...0x1F64F]
    for scalar in blocks.joined().compactMap(Unicode.Scalar.init) {
      let text = "a\(scalar)b"
      var object = JSONObjectText()
      try object.add("text", text)
      let expected = JSONBody.encode(["text": text])
      guard object.finished() == expected else {
        Issue.record("U+\(String(scalar.value, radix: 16))")
        continue
      }
    }
  }

  @Test func `numbers, truth values and nothing look as the encoder has them`() throws {
    for number in [Int64.min, -1, 0, 1, .max, nil] {
      var object = JSONObjectText()
      object.add("flag", number == nil)
      try object.add("none", String?.none)
      object.add("number", number)
      try object.add("texts", [])
      let expected: [String: Value] = [
        "flag": .flag(number == nil), "none": .text(nil), "number": .number(number),
        "texts": .texts([]),
      ]
      #expect(object.finished() == JSONBody.encode(expected))
    }
    #expect(JSONObjectText().finished() == Array("{}".utf8))
  }

  private func runner(identity: String, isDeleted: Bool) throws -> Runner {
    let time = Timestamp(milliseconds: 1_800_000_000_001)
    return Runner(
      id: "0b6e2c1e-8f1d-4a35-9b52-6f3f0f4f7e0a", name: try #require(RunnerName("ci-1")),
      organization: "demo-org", status: isDeleted ? .deleted : .pending, busy: isDeleted,
      githubRunnerID: isDeleted ? 42 : nil, runnerGroupID: 7,
      labels: isDeleted ? [] : ["gpu", "ubuntu-22.04"].compactMap(Label.init),
      ephemeral: !isDeleted, disableUpdate: false, provisioning: .jit,
      owner: Principal(issuer: "i", subject: "s", identity: identity, isAdmin: false),
      isIssued: true, pendingUntil: time, createdAt: time, updatedAt: time,
      registeredAt: isDeleted ? time : nil, deletedAt: isDeleted ? time : nil,
      deletionReason: isDeleted ? .stale : nil,
      removal: isDeleted ? Removal(reason: .stale, requestedAt: time) : nil)
  }

  @Test(arguments: ["alice@example.com", "sub:\"\\\u{202E}\n/"], [false, true])
  func `a runner has all its members, in the order of their names`(
    identity: String, isDeleted: Bool
  ) throws {
    let time = "2027-01-15T08:00:00.001Z"
    let expected: [String: Value] = [
      "runner_id": .text("0b6e2c1e-8f1d-4a35-9b52-6f3f0f4f7e0a"), "runner_name": .text("ci-1"),
      "status": .text(isDeleted ? "deleted" : "pending"), "busy": .flag(isDeleted),
      "github_runner_id": .number(isDeleted ? 42 : nil), "runner_group_id": .number(7),
      "labels": .texts(isDeleted ? [] : ["gpu", "ubuntu-22.04"]), "ephemeral": .flag(!isDeleted),
      "provisioning": .text("jit"), "provisioned_by": .text(identity), "created_at": .text(time),
      "updated_at": .text(time), "registered_at": .text(isDeleted ? time : nil),
      "deleted_at": .text(isDeleted ? time : nil),
      "deletion_reason": .text(isDeleted ? "stale" : nil),
      "removal_requested_at": .text(isDeleted ? time : nil),
    ]
    let json = try RunnerRepresentation(runner(identity: identity, isDeleted: isDeleted)).json()
    #expect(json == JSONBody.encode(expected))
  }
}
