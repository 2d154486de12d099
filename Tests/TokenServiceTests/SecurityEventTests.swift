import FastCGI
import Foundation
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

@Suite struct SecurityEventTests {
  let world: World

  init() throws {
    world = try World.withAdmins()
  }

  private func record(_ kind: SecurityEvent.Kind, _ user: String) throws {
    let actor = AuditEvent.Actor(
      identity: user + "@example.com", issuer: "issuer", subject: user, requestID: "ab12",
      requestIP: "192.0.2.7")
    try world.database.write {
      try $0.securityEvents.record(
        SecurityEvent(kind, actor: actor, runnerName: "ci-1", data: ["labels": .texts(["gpu"])]))
    }
  }

  private func list(_ query: String) throws -> (events: [JSONObject], total: Int64?) {
    let body = try world.admin("GET", "/security-events" + query).object
    return (
      try #require(body["events"]?.array).compactMap(\.object), body["total"]?.integer
    )
  }

  private func types(_ query: String) throws -> [String?] {
    let (events, total) = try list(query)
    #expect(total == Int64(events.count))
    return events.map { $0["event_type"]?.string }
  }

  @Test func `an event has all that is known of it`() throws {
    let first = Timestamp(world.clock.date).description
    try record(.quotaExceeded, "alice")
    world.clock.advance(by: 1)
    try record(.quotaExceeded, "alice")
    let response = try world.admin("GET", "/security-events")
    let last = Timestamp(world.clock.date).description
    #expect(
      response.text
        == #"{"events":[{"count":2,"event_data":{"labels":["gpu"]},"event_type":"quota_exceeded","id":1,"issuer":"issuer","last_seen_at":"\#(last)","oidc_sub":"alice","request_id":"ab12","request_ip":"192.0.2.7","runner_id":null,"runner_name":"ci-1","severity":"low","timestamp":"\#(first)","user_identity":"alice@example.com"}],"total":1}"#
    )
  }

  @Test func `events are listed newest first and filtered`() throws {
    try record(.quotaExceeded, "alice")
    world.clock.advance(by: 3600)
    let middle = Timestamp(world.clock.date).description
    try record(.labelPolicyViolation, "bob")
    world.clock.advance(by: 3600)
    let late = Timestamp(world.clock.date).description
    try record(.adminDenied, "alice")
    #expect(try types("") == ["admin_denied", "label_policy_violation", "quota_exceeded"])
    #expect(try types("?event_type=quota_exceeded") == ["quota_exceeded"])
    #expect(try types("?severity=medium") == ["label_policy_violation"])
    #expect(try types("?severity=critical") == [])
    #expect(
      try types("?user_identity=alice%40example.com") == ["admin_denied", "quota_exceeded"])
    #expect(try types("?since=\(middle)") == ["admin_denied", "label_policy_violation"])
    #expect(try types("?until=\(middle)") == ["quota_exceeded"])
    #expect(try types("?since=\(middle)&until=\(late)") == ["label_policy_violation"])
    #expect(
      try types("?since=\(middle)&severity=high&user_identity=alice@example.com") == [
        "admin_denied"
      ])
    // A day is its midnight in UTC, as on the command line.
    #expect(try types("?until=2020-01-01") == [])
    #expect(try types("?since=2020-01-01").count == 3)
  }

  @Test func `a time may be given in any offset`() throws {
    try record(.quotaExceeded, "alice")
    let offset = Timestamp(world.clock.date).date
      .formatted(Date.ISO8601FormatStyle(timeZone: try #require(TimeZone(secondsFromGMT: 7200))))
      .replacingOccurrences(of: "+", with: "%2B")
    #expect(offset.contains("%2B02"))
    #expect(try types("?since=\(offset)") == ["quota_exceeded"])
    #expect(try types("?until=\(offset)") == [])
  }

  @Test func `the pages of a list have every event exactly once`() throws {
    for index in 0..<7 { try record(.tokenReplay, "user-\(index)") }
    let pages = [try list("?limit=4"), try list("?limit=4&offset=4"), try list("?offset=7")]
    #expect(pages.map(\.total) == [7, 7, 7])
    #expect(pages.map(\.events.count) == [4, 3, 0])
    #expect(pages.flatMap(\.events).map { $0["id"]?.integer } == [7, 6, 5, 4, 3, 2, 1])
  }

  @Test(arguments: [
    "event_type=x", "severity=grave", "user_identity=", "since=yesterday", "until=2026-02-30",
    "limit=0", "limit=1001", "offset=-1", "sinse=2026-11-22T21:00:00Z",
    "severity=low&severity=high",
  ])
  func `a query that is wrong or unknown is refused`(query: String) throws {
    #expect(try world.admin("GET", "/security-events?" + query).problem == "422 VALIDATION_ERROR")
  }
}
