import FastCGI
import Foundation
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct RegistrationTests {
  let world: World

  init() throws {
    world = try World()
  }

  private func register(_ members: String) -> Response {
    world.send("POST", "/control/runners/register", body: "{\(members)}")
  }

  private func labels(_ runner: JSONObject) -> [String?] {
    (runner["labels"]?.array ?? []).map { $0.object?["name"]?.string }
  }

  @Test(arguments: ["registration-token", "remove-token"])
  func `a token has an expiry with a fraction and an offset`(kind: String) throws {
    let response = world.send(
      "POST", World.runners + "/" + kind, token: try world.installationToken())
    #expect(response.status == 201)
    let token = try #require(try response.object["token"]?.string)
    #expect(token.count == 29)
    #expect(token.allSatisfy { $0.isASCII && ($0.isNumber || $0.isUppercase) })
    #expect(try response.object["expires_at"]?.string == "2026-11-18T04:06:40.000-08:00")
  }

  @Test func `a registration token serves any number of runners for an hour`() throws {
    let token = try world.registrationToken()
    for name in ["a", "b"] {
      #expect(register(#""token":"\#(token)","name":"\#(name)""#).status == 201)
    }
    world.advance(by: 3600)
    let late = register(#""token":"\#(token)","name":"c""#)
    #expect(late.status == 404)
    #expect(late.message == "Not Found")
  }

  @Test func `a made-up registration token is not found`() {
    #expect(register(#""token":"AAAA","name":"a""#).status == 404)
  }

  @Test func `custom labels keep their case and lose repetitions`() throws {
    let token = try world.registrationToken()
    let response = register(
      #""token":"\#(token)","name":"a","labels":["GPU","gpu","linux","Big One"]"#)
    #expect(try labels(response.object) == ["self-hosted", "Linux", "X64", "GPU", "Big One"])
  }

  @Test func `default labels can be left out where there are others`() throws {
    let token = try world.registrationToken()
    let start = #""token":"\#(token)","name":"a","no_default_labels":true"#
    #expect(register(start).status == 422)
    #expect(try labels(register(start + #","labels":["gpu"]"#).object) == ["gpu"])
  }

  @Test func `a taken name is refused, or replaced under the same id`() throws {
    let id = try world.register("box", #""labels":["old"]"#)
    let token = try world.registrationToken()
    let start = #""token":"\#(token)","name":"Box","labels":["new"]"#
    let refusal = register(start)
    #expect(refusal.status == 409)
    #expect(refusal.message == "A runner exists with the same name Box.")
    let replaced = try register(start + #","replace":true"#).object
    #expect(replaced["id"]?.integer == id)
    #expect(labels(replaced).last == "new")
  }

  @Test func `a runner group is chosen by name`() throws {
    let token = try world.registrationToken()
    let start = #""token":"\#(token)","name":"box","group":"gpu""#
    #expect(
      register(start).message == #"Could not find any self-hosted runner group named "gpu"."#)
    try world.control("POST", "/runner-groups", #"{"id":7,"name":"gpu"}"#)
    #expect(try register(start).object["runner_group_id"]?.integer == 7)
  }

  @Test func `a typing error in a control request is refused`() {
    let response = register(#""token":"A","name":"a","ephemerall":true"#)
    #expect(response.status == 422)
    #expect(response.message?.contains("ephemerall") == true)
  }
}
