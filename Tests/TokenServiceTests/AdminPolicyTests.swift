import Concurrency
import Dispatch
import FastCGI
import Foundation
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

@Suite struct AdminPolicyTests {
  let world: World
  private static let minimal = #"{"user_identity":"alice@example.com"}"#
  private static let path = "/label-policies/alice@example.com"

  init() throws {
    world = try World.withAdmins()
  }

  @Test func `a policy is created, replaced, read and deleted`() throws {
    let created = try world.save(
      #"""
      {"user_identity":"alice@example.com","allowed_labels":["gpu","*"],
       "label_patterns":["cuda-\\d+"],"max_runners":5,"require_approval":true,
       "allowed_runner_groups":[7,1],"require_jit":true,"require_ephemeral":true,
       "description":"the GPU team"}
      """#)
    #expect(created.status == 201)
    #expect(created.header("ETag") == "\"1\"")
    let now = Timestamp(world.clock.date).description
    #expect(
      created.text
        == #"{"allowed_labels":["gpu","*"],"allowed_runner_groups":[1,7],"created_at":"\#(now)","description":"the GPU team","label_patterns":["cuda-\\d+"],"max_runners":5,"require_approval":true,"require_ephemeral":true,"require_jit":true,"revision":1,"updated_at":"\#(now)","updated_by":"root@example.com","user_identity":"alice@example.com"}"#
    )
    #expect(try world.admin("GET", Self.path).text == created.text)
    #expect(try world.admin("GET", Self.path).header("ETag") == "\"1\"")

    world.clock.advance(by: 60)
    let replaced = try world.save(Self.minimal, as: "other")
    #expect(replaced.status == 200)
    #expect(replaced.header("ETag") == "\"2\"")
    let later = Timestamp(world.clock.date).description
    #expect(
      replaced.text
        == #"{"allowed_labels":[],"allowed_runner_groups":null,"created_at":"\#(now)","description":null,"label_patterns":[],"max_runners":null,"require_approval":false,"require_ephemeral":false,"require_jit":false,"revision":2,"updated_at":"\#(later)","updated_by":"other@example.com","user_identity":"alice@example.com"}"#
    )

    let deleted = try world.admin("DELETE", Self.path)
    #expect(deleted.status == 204)
    #expect(deleted.body.isEmpty)
    #expect(try world.admin("GET", Self.path).problem == "404 POLICY_NOT_FOUND")
    #expect(try world.admin("DELETE", Self.path).problem == "404 POLICY_NOT_FOUND")
  }

  @Test func `a policy that is made again gets a revision that it never had`() throws {
    _ = try world.save(Self.minimal)
    _ = try world.admin("DELETE", Self.path)
    let again = try world.save(Self.minimal, headers: [("HTTP_IF_MATCH", "\"1\"")])
    #expect(again.problem == "412 PRECONDITION_FAILED")
    #expect(try world.save(Self.minimal).header("ETag") == "\"2\"")
  }

  @Test func `each change is recorded with what was before and after`() throws {
    let first = try world.save(Self.minimal).text
    let second = try world.save(#"{"user_identity":"alice@example.com","max_runners":0}"#).text
    _ = try world.admin("DELETE", Self.path, as: "other")
    let lines = try world.auditLines()
    #expect(
      lines.map { $0["event_type"]?.string } == [
        "policy_created", "policy_updated", "policy_deleted",
      ])
    let data = lines.map { $0["event_data"]?.object }
    #expect(data.map { $0?["before"]?.string } == [nil, first, second])
    #expect(data.map { $0?["after"]?.string } == [first, second, nil])
    #expect(data.map { $0?["revision"]?.integer } == [1, 2, 2])
    #expect(data.allSatisfy { $0?["policy_user_identity"] == .string("alice@example.com") })
    #expect(
      lines.map { $0["user_identity"]?.string } == [
        "root@example.com", "root@example.com", "other@example.com",
      ])
  }

  @Test func `without the audit log's file an admin is told so, and nothing changes`() throws {
    let file = world.directory.file("audit.jsonl")
    #expect(try world.save(Self.minimal).status == 201)
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
    #expect(try world.save(Self.minimal).problem == "503 AUDIT_UNAVAILABLE")
    #expect(try world.admin("DELETE", Self.path).problem == "503 AUDIT_UNAVAILABLE")
    let stored = try world.database.read { try $0.labelPolicies.policy(of: "alice@example.com") }
    #expect(stored?.revision == 1)
    try FileManager.default.removeItem(atPath: file)
    #expect(try world.save(Self.minimal).status == 200)
  }

  // MARK: - Preconditions

  @Test func `of two admins who read the same revision the second is told`() throws {
    _ = try world.save(Self.minimal)
    let tag = try #require(try world.admin("GET", Self.path).header("ETag"))
    let condition = [(name: "HTTP_IF_MATCH", value: tag)]
    #expect(try world.save(Self.minimal, headers: condition).status == 200)
    let second = try world.save(Self.minimal, as: "other", headers: condition)
    #expect(second.problem == "412 PRECONDITION_FAILED")
    #expect(
      try world.admin("DELETE", Self.path, headers: condition).problem == "412 PRECONDITION_FAILED")
    #expect(try world.auditEvents() == ["policy_created", "policy_updated"])
    let current = [(name: "HTTP_IF_MATCH", value: "\"2\"")]
    #expect(try world.admin("DELETE", Self.path, headers: current).status == 204)
  }

  @Test func `of many saves of one revision exactly one wins`() throws {
    _ = try world.save(Self.minimal)
    let tokens = [try world.token("root"), try world.token("other")]
    let statuses = Locked<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 20) { index in
      let response = world.send(
        "POST", "/api/v1/admin/label-policies", token: tokens[index % 2], body: Self.minimal,
        parameters: [("HTTP_IF_MATCH", "\"1\"")])
      statuses.withLock { $0.append(response.status) }
    }
    #expect(
      statuses.withLock { $0.sorted() } == [200] + Array(repeating: 412, count: 19))
  }

  @Test func `of many creations exactly one wins`() throws {
    let token = try world.token("root")
    let statuses = Locked<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 20) { _ in
      let response = world.send(
        "POST", "/api/v1/admin/label-policies", token: token, body: Self.minimal,
        parameters: [("HTTP_IF_NONE_MATCH", "*")])
      statuses.withLock { $0.append(response.status) }
    }
    #expect(
      statuses.withLock { $0.sorted() } == [201] + Array(repeating: 412, count: 19))
  }

  /// Against a policy of revision 1.
  @Test(arguments: [
    ("HTTP_IF_MATCH", "\"1\"", 200), ("HTTP_IF_MATCH", "*", 200),
    ("HTTP_IF_MATCH", "\"0\", \"1\"", 200), ("HTTP_IF_MATCH", " \"a,b\" ,,\"1\" ", 200),
    ("HTTP_IF_MATCH", "W/\"1\"", 412), ("HTTP_IF_MATCH", "\"2\"", 412),
    ("HTTP_IF_MATCH", "\"\"", 412), ("HTTP_IF_MATCH", "\"01\"", 412),
    ("HTTP_IF_MATCH", "1", 400), ("HTTP_IF_MATCH", "", 400), ("HTTP_IF_MATCH", ",", 400),
    ("HTTP_IF_MATCH", "\"1", 400), ("HTTP_IF_MATCH", "\"1\"x", 400),
    ("HTTP_IF_MATCH", "*, \"1\"", 400), ("HTTP_IF_MATCH", "\"2\" \"1\"", 400),
    ("HTTP_IF_NONE_MATCH", "*", 412), ("HTTP_IF_NONE_MATCH", "\"1\"", 412),
    ("HTTP_IF_NONE_MATCH", "W/\"1\"", 412), ("HTTP_IF_NONE_MATCH", "\"2\"", 200),
    ("HTTP_IF_NONE_MATCH", "1", 400),
  ])
  func `a condition holds, or does not, or cannot be read`(
    header: String, value: String, status: Int
  ) throws {
    _ = try world.save(Self.minimal)
    #expect(try world.save(Self.minimal, headers: [(header, value)]).status == status)
  }

  @Test(arguments: [
    ("HTTP_IF_MATCH", "*", 412), ("HTTP_IF_MATCH", "\"1\"", 412), ("HTTP_IF_MATCH", "\"\"", 412),
    ("HTTP_IF_NONE_MATCH", "*", 201), ("HTTP_IF_NONE_MATCH", "\"1\"", 201),
  ])
  func `a condition on a policy that does not exist`(
    header: String, value: String, status: Int
  ) throws {
    #expect(try world.save(Self.minimal, headers: [(header, value)]).status == status)
    // Then there is no policy, and no condition makes that a 412.
    guard status == 412 else { return }
    #expect(
      try world.admin("DELETE", Self.path, headers: [(header, value)]).problem
        == "404 POLICY_NOT_FOUND")
  }

  // MARK: - The identity in the path

  @Test(arguments: [
    ("alice%40example.com", "alice@example.com"), ("alice@example.com", "alice@example.com"),
    ("github:octo-org%2Ftools", "github:octo-org/tools"),
    ("github%3aocto-org%2ftools", "github:octo-org/tools"), ("sub:x", "sub:x"),
    ("%C3%A9t%C3%A9", "\u{E9}t\u{E9}"), ("e%CC%81", "e\u{301}"), ("100%25", "100%"),
    ("a%2541", "a%41"), ("a+b", "a+b"), ("a%20b", "a b"), ("a%3Bb%5Cc%3Fd%23e", "a;b\\c?d#e"),
    ("...", "..."), ("a%2F.b", "a/.b"), ("%F0%9F%9A%80", "\u{1F680}"),
  ])
  func `an identity in the path is decoded once`(segment: String, identity: String) throws {
    let json = try #require(
      String(data: JSONEncoder().encode(["user_identity": identity]), encoding: .utf8))
    #expect(try world.save(json).status == 201)
    let shown = try world.admin("GET", "/label-policies/" + segment)
    #expect(shown.status == 200)
    let stored = try #require(try shown.object["user_identity"]?.string)
    #expect(stored.hasSameUTF8(as: identity))
    #expect(try world.admin("DELETE", "/label-policies/" + segment).status == 204)
  }

  @Test(arguments: [
    "%", "%4", "%zz", "%C3", "%C0%AF", "%ED%A0%80", "%FF", "a%00b", "a%0Ab", "a%7Fb", "a%C2%85b",
    ".", "..", "%2e", "%2E%2e", ".%2e", "a%2F..%2Fb", "a%2f.%2fb", "a%2F%2Fb", "%2Fa", "a%2F",
    "%2F", "a%2F..", "..%2Fa", "", "a;b", "a\\b", "\u{E9}",
    String(repeating: "a", count: 301), String(repeating: "%C3%A9", count: 150) + "a",
  ])
  func `an identity in the path with another reading is refused`(segment: String) throws {
    for method in ["GET", "DELETE"] {
      #expect(
        try world.admin(method, "/label-policies/" + segment).problem == "400 BAD_REQUEST")
    }
  }

  @Test func `the longest identity can be named in the path`() throws {
    let longest = String(repeating: "%C3%A9", count: 150)
    #expect(try world.admin("GET", "/label-policies/" + longest).problem == "404 POLICY_NOT_FOUND")
  }

  @Test(arguments: [
    "/api/v1/admin/label%2Dpolicies/a", "/api/v1/%61dmin/label-policies/a",
    "/api/v1/admin/runners/a%2Db", "/api/v1/runners/a%2Db", "/api/v1/admin/label-policies%2Fa",
  ])
  func `no other segment may be encoded`(path: String) throws {
    let token = try world.token("root")
    #expect(world.send("GET", path, token: token).problem == "400 BAD_REQUEST")
  }

  @Test func `an identity of another spelling has another policy`() throws {
    _ = try world.save("{\"user_identity\":\"\u{E9}\"}")
    #expect(try world.admin("GET", "/label-policies/%C3%A9").status == 200)
    #expect(try world.admin("GET", "/label-policies/e%CC%81").problem == "404 POLICY_NOT_FOUND")
  }

  // MARK: - Lists

  @Test func `the pages of a list have every policy exactly once`() throws {
    let identities = (0..<7).map { "user-\($0)" }
    for identity in identities.shuffled() {
      _ = try world.save(#"{"user_identity":"\#(identity)"}"#)
    }
    func page(_ query: String) throws -> [String?] {
      let body = try world.admin("GET", "/label-policies" + query).object
      #expect(body["total"] == .integer(7))
      return try #require(body["policies"]?.array).map { $0.object?["user_identity"]?.string }
    }
    #expect(try page("") == identities)
    #expect(try page("?limit=4") + page("?limit=4&offset=4") == identities)
    #expect(try page("?offset=7") == [])
  }

  @Test(arguments: ["limit=0", "limit=1001", "limit=x", "offset=-1", "user=a", "limit=1&limit=1"])
  func `a query that is wrong or unknown is refused`(query: String) throws {
    #expect(try world.admin("GET", "/label-policies?" + query).problem == "422 VALIDATION_ERROR")
  }
}
