import FastCGI
import Foundation
import JOSE
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct WebhookTests {
  let world: World
  private static let deliveries = "/api/v3/app/hook/deliveries"

  init() throws {
    world = try World()
  }

  private func make(_ members: String) throws -> JSONObject {
    try #require(
      try world.control(
        "POST", "/webhooks", #"{"secret":"a secret of some length",\#(members)}"#))
  }

  private func attempts(_ query: String) throws -> [JSONObject] {
    let response = world.send("GET", Self.deliveries + query, token: try world.appJWT())
    try #require(response.status == 200)
    return try #require(try JSONValue(parsing: response.body, limits: .init(values: 10_000)).array)
      .compactMap(\.object)
  }

  @Test func `a webhook is signed over its body and says what it is about`() throws {
    let webhook = try make(#""event":"installation","action":"suspend","payload":{"x":1}"#)
    let body = Array(try #require(webhook["body"]?.string).utf8)
    let hash = try KeyedHash(key: Array("a secret of some length".utf8)).hash(of: body)
    let digits = hash.map { String(format: "%02x", $0) }.joined()
    #expect(webhook["signature"]?.string == "sha256=" + digits)
    let payload = try #require(try JSONValue(parsing: body).object)
    #expect(payload["installation"]?.object?["id"]?.integer == 67890)
    #expect(payload["action"]?.string == "suspend")
    #expect(payload["x"]?.integer == 1)
  }

  @Test func `attempts are listed newest first, by outcome and page after page`() throws {
    for status in [200, 502, 503, 500] {
      _ = try make(#""event":"ping","status_code":\#(status)"#)
    }
    #expect(try attempts("").map { $0["status_code"]?.integer } == [500, 503, 502, 200])
    #expect(
      try attempts("?status=failure").map { $0["status_code"]?.integer } == [500, 503, 502])
    #expect(try attempts("?status=success").first?["status"]?.string == "OK")
    let first = world.send(
      "GET", Self.deliveries + "?status=failure&per_page=2", token: try world.appJWT())
    let link = try #require(first.header("Link"))
    let target = try #require(link.split(separator: ">").first?.split(separator: "/api").last)
    let rest = world.send("GET", "/api" + target, token: try world.appJWT())
    #expect(try JSONValue(parsing: rest.body).array?.count == 1)
    #expect(rest.header("Link") == nil)
  }

  @Test func `a delivery that is asked for again keeps its id`() throws {
    let webhook = try make(#""event":"ping","status_code":502"#)
    let id = try #require(try attempts("").first?["id"]?.integer)
    let path = "\(Self.deliveries)/\(id)/attempts"
    #expect(world.send("POST", path, token: try world.appJWT()).status == 202)
    #expect(world.send("POST", path).status == 401)
    let other = "\(Self.deliveries)/1/attempts"
    #expect(world.send("POST", other, token: try world.appJWT()).status == 404)
    let again = try #require(try attempts("").first)
    #expect(again["guid"]?.string == webhook["delivery"]?.string)
    #expect(again["redelivery"]?.bool == true)
    #expect(again["id"]?.integer != id)
  }
}
