import FastCGI
import GRDB
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// What an admin may save as a policy, and what each fault of it is called.
@Suite struct AdminPolicyValidationTests {
  let world: World

  init() throws {
    world = try World.withAdmins()
  }

  @Test func `every fault of a body is named at once`() throws {
    let long = String(repeating: "x", count: 257)
    let response = try world.save(
      #"""
      {"user_identity":"","allowed_labels":["gpu","","a,b","-x",1,"\#(long)"],
       "label_patterns":["ok","(","",2,"\#(long)","\u00e9"],"max_runners":-1,"require_approval":"yes",
       "allowed_runner_groups":[1,0],"require_jit":1,"require_ephemeral":null,
       "description":"\#(String(repeating: "x", count: 1001))","lables":[]}
      """#)
    #expect(response.problem == "422 VALIDATION_ERROR")
    let label = "must be * or 1 to 256 of A-Z a-z 0-9 . _ -, not beginning with -"
    #expect(
      try faults(response) == [
        "user_identity: must be a string of 1 to 300 bytes without control characters",
        "allowed_labels[1]: \(label)", "allowed_labels[2]: \(label)", "allowed_labels[3]: \(label)",
        "allowed_labels[4]: must be a string", "allowed_labels[5]: \(label)",
        "label_patterns[1]: at offset 1: missing closing parenthesis",
        "label_patterns[2]: must not be empty", "label_patterns[3]: must be a string",
        "label_patterns[4]: at offset 256: the pattern has 257 characters, and 256 are allowed",
        "label_patterns[5]: at offset 0: the pattern has a character that is not ASCII",
        "max_runners: must be a whole number, 0 or more, or null for no limit",
        "require_approval: must be true or false",
        "allowed_runner_groups: must be an array of at most 200 positive whole numbers, or null for the default group only",
        "require_jit: must be true or false", "require_ephemeral: must be true or false",
        "description: must be a string of at most 1000 characters, without control characters but newlines and tabs, or null",
        "lables: is not a member of this request, which can have user_identity, allowed_labels, label_patterns, max_runners, require_approval, allowed_runner_groups, require_jit, require_ephemeral, description",
      ])
    let stored = try world.database.read { try $0.labelPolicies.page(limit: 1, offset: 0) }
    #expect(stored.total == 0)
  }

  @Test(arguments: [
    (#"{}"#, "user_identity: is required"),
    (#"{"user_identity":null}"#, "user_identity: must be a string of"),
    (#"{"user_identity":"a\u0000b"}"#, "user_identity: must be a string of"),
    (#"{"user_identity":"a\u0085b"}"#, "user_identity: must be a string of"),
    (#"{"user_identity":"a","allowed_labels":"gpu"}"#, "allowed_labels: must be an array of"),
    (#"{"user_identity":"a","allowed_labels":null}"#, "allowed_labels: must be an array of"),
    (#"{"user_identity":"a","label_patterns":{}}"#, "label_patterns: must be an array of"),
    (#"{"user_identity":"a","max_runners":1.5}"#, "max_runners: must be a whole number"),
    (#"{"user_identity":"a","max_runners":"5"}"#, "max_runners: must be a whole number"),
    (#"{"user_identity":"a","allowed_runner_groups":["1"]}"#, "allowed_runner_groups: must be"),
    (#"{"user_identity":"a","allowed_runner_groups":1}"#, "allowed_runner_groups: must be"),
    (#"{"user_identity":"a","description":"a\u0000b"}"#, "description: must be a string of"),
    (#"{"user_identity":"a","revision":1}"#, "revision: is not a member of this request"),
  ])
  func `a member of another kind is refused by name`(body: String, fault: String) throws {
    let response = try world.save(body)
    #expect(response.problem == "422 VALIDATION_ERROR")
    let faults = try faults(response)
    #expect(faults.count == 1)
    #expect(faults.first?.hasPrefix(fault) == true)
  }

  @Test(arguments: [
    #"{"user_identity":"a","max_runners":null,"allowed_runner_groups":null,"description":null}"#,
    #"{"user_identity":"a","max_runners":0,"allowed_runner_groups":[],"description":"a\n\tb"}"#,
    #"{"user_identity":"é%00\u202e<script>"}"#,
  ])
  func `its accepted twin is saved`(body: String) throws {
    #expect(try world.save(body).status == 201)
  }

  @Test(arguments: ["allowed_labels", "label_patterns"])
  func `two hundred entries are saved and one more is not`(member: String) throws {
    func body(_ count: Int) -> String {
      let entries = (0..<count).map { "\"label-\($0)\"" }.joined(separator: ",")
      return #"{"user_identity":"a","\#(member)":[\#(entries)]}"#
    }
    #expect(try world.save(body(200)).status == 201)
    #expect(try faults(world.save(body(201))) == ["\(member): must have at most 200 elements"])
  }

  @Test func `two hundred runner groups are saved and one more is not`() throws {
    func body(_ count: Int) -> String {
      let groups = (1...count).map(String.init).joined(separator: ",")
      return #"{"user_identity":"a","allowed_runner_groups":[\#(groups)]}"#
    }
    #expect(try world.save(body(200)).status == 201)
    let faults = try faults(world.save(body(201)))
    #expect(faults.count == 1)
    #expect(
      faults.first?.hasPrefix("allowed_runner_groups: must be an array of at most 200") == true)
  }

  @Test func `a stored pattern that no longer compiles stops its owner, and nothing else`() throws {
    for user in ["alice", "bob"] {
      let body = #"{"user_identity":"\#(user)@example.com","label_patterns":["gpu|tpu"]}"#
      #expect(try world.save(body).status == 201)
    }
    // As after the replacement of a library.
    try DatabaseQueue(path: world.directory.file("service.db")).write {
      try $0.execute(
        sql: """
          UPDATE label_policies SET label_patterns = '["gpu","("]'
          WHERE user_identity = 'alice@example.com'
          """)
    }
    #expect(try world.provision(as: "alice").problem == "503 DATABASE_UNAVAILABLE")
    let cause = try #require(world.log.all.last?["cause"])
    #expect(cause.contains("alice@example.com") && cause.hasSuffix(": ("))
    #expect(
      try world.provision(#"{"runner_name":"ci-2","labels":["gpu"]}"#, as: "bob").status == 201)

    let list = try world.admin("GET", "/label-policies").object
    #expect(list["total"] == .integer(2))
    let shown = try world.admin("GET", "/label-policies/alice%40example.com").object
    #expect(shown["label_patterns"]?.strings == ["gpu", "("])
    let body = #"{"user_identity":"alice@example.com","label_patterns":["gpu"]}"#
    #expect(try world.save(body).status == 200)
    #expect(try world.provision(as: "alice").status == 201)
    #expect(try world.admin("DELETE", "/label-policies/alice%40example.com").status == 204)
  }

  @Test func `an identity of 300 bytes is saved, one more byte is not, and an entry of 256`() throws
  {
    let identity = String(repeating: "é", count: 150)
    let label = String(repeating: "x", count: 256)
    let saved = try world.save(
      #"{"user_identity":"\#(identity)","allowed_labels":["\#(label)"],"label_patterns":["\#(label)"]}"#
    )
    #expect(saved.status == 201)
    #expect(
      try world.save(#"{"user_identity":"\#(identity)x"}"#).problem == "422 VALIDATION_ERROR")
  }
}
