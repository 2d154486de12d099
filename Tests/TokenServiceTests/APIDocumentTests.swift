import APIDocument
import FastCGI
import Foundation
import Runners
import StrictJSON
import Testing

@testable import TokenService

/// Holds docs/openapi.yaml to the code, in both directions. What the answers look like is held to it by scripts/check-api.
@Suite struct APIDocumentTests {
  private let document: JSONObject

  init() throws {
    let limits = JSONValue.Limits(depth: 64, values: 100_000)
    document = try #require(try JSONValue(parsing: try APIDocument.json(), limits: limits).object)
  }

  @Test func `the document is served as it is written`() throws {
    let response = try World().send("GET", "/openapi.json")
    #expect(response.status == 200)
    #expect(response.header("Content-Type") == "application/json; charset=utf-8")
    #expect(response.header("Cache-Control") == "no-store")
    #expect(response.body == (try APIDocument.json()))
    #expect(document["openapi"] == .string("3.1.0"))
  }

  /// The target has it by a link, which a copy must not take the place of.
  @Test func `what is built in is the file in docs`() throws {
    #expect(
      String(decoding: APIDocument.yaml, as: UTF8.self) == (try Self.text("docs/openapi.yaml")))
  }

  @Test func `the version is the program's`() {
    #expect(document["info"]?.object?["version"] == .string(Version.current))
  }

  @Test func `each operation is there, by its method, path and name, and there is no other`() throws
  {
    let documented = try operations.map { "\($0.method) \($0.path) \($0.id)" }
    let implemented = APIOperation.allCases.map { "\($0.method) \($0.template) \($0.rawValue)" }
    #expect(documented.sorted() == implemented.sorted())
  }

  @Test(arguments: APIOperation.allCases)
  func `a request is routed to the operation that has its method and path`(
    operation: APIOperation
  ) throws {
    let route = try Route(method: operation.method, uri: operation.exampleURI)
    #expect(route.operation == operation)
  }

  @Test(arguments: Set(APIOperation.allCases.map(\.template)).sorted())
  func `a path has no other method than those of its operations`(template: String) throws {
    let here = APIOperation.allCases.filter { $0.template == template }
    var methods = Set(here.map(\.method))
    if methods.contains("GET") { methods.insert("HEAD") }
    // These two are also names that a runner may have.
    if [Provisioning.registrationToken.path, Provisioning.jit.path].contains(template) {
      methods.formUnion(["DELETE", "GET", "HEAD"])
    }
    let response = try World().send("PUT", try #require(here.first).exampleURI)
    #expect(response.status == 405)
    let allowed = try #require(response.header("Allow")).components(separatedBy: ", ")
    #expect(Set(allowed) == methods)
  }

  // MARK: - What a request can have

  @Test(arguments: APIOperation.allCases)
  func `an operation has the query parameters that the code reads`(operation: APIOperation) throws {
    let documented = try documented(operation)
    let parameters = try documented.parameters.filter { $0["in"] == .string("query") }
      .map { try #require($0["name"]?.string) }
    let world = try World.withAdmins()
    let answer = world.send(
      operation.method, operation.exampleURI + "?zz=1", token: try world.token("root"))
    #expect(try known("zz", "parameter", in: answer) == Set(parameters))
  }

  @Test(arguments: APIOperation.allCases)
  func `a body has the members that the code reads`(operation: APIOperation) throws {
    let documented = try documented(operation)
    let isWebhook = operation == .receiveWebhook
    guard let body = documented.members["requestBody"]?.object, !isWebhook else {
      let takesNone: Set<String> = ["GET", "DELETE"]
      #expect(isWebhook || operation == .refreshRunner || takesNone.contains(operation.method))
      return
    }
    let content = try #require(body["content"]?.object?["application/json"]?.object)
    let schema = try resolved(content["schema"])
    #expect(schema["additionalProperties"] == .bool(false))
    let properties = try #require(schema["properties"]?.object).members.map(\.name)
    let world = try World.withAdmins()
    let answer = world.send(
      operation.method, operation.exampleURI, token: try world.token("root"), body: #"{"zz":1}"#)
    #expect(try known("zz", "member", in: answer) == Set(properties))
  }

  /// The names that a refusal of `name` says there are.
  private func known(_ name: String, _ kind: String, in answer: Response) throws -> Set<String> {
    #expect(answer.problem == "422 VALIDATION_ERROR")
    let start = "\(name): is not a \(kind) of this request, which "
    let fault = try #require(try faults(answer).first { $0.hasPrefix(start) })
    let rest = fault.dropFirst(start.count)
    if rest == "has none" { return [] }
    #expect(rest.hasPrefix("can have "))
    return Set(rest.dropFirst("can have ".count).components(separatedBy: ", "))
  }

  // MARK: - What an answer can have

  @Test func `the error codes are those of the service and of nginx`() throws {
    let schema = try schema("ErrorCode")
    let documented = try #require(schema["enum"]?.array).compactMap(\.string)
    let table = try Self.text("Sources/TokenService/Problem.swift")
    let service = table.matches(of: /Problem\(\s*\d{3}, "([A-Z_]+)"/).map { String($0.1) }
    // The table has no code that is written in another way.
    let literals = table.matches(of: /"([A-Z]+(?:_[A-Z]+)+)"/).map { String($0.1) }
    #expect(Set(literals).isSubset(of: service))
    let folder = Self.repository.appending(path: "nginx")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let nginx = try files.filter { $0.hasSuffix(".conf") }.flatMap { file in
      try Self.text("nginx/\(file)").matches(of: /"error_code":"([A-Z_]+)"/).map { String($0.1) }
    }
    #expect(documented.count == Set(documented).count)
    // nginx's limits per address.
    let limits = ["RATE_LIMITED"]
    #expect(Set(documented) == Set(service + nginx + limits))
  }

  @Test func `each error code may come with a documented status, and only then`() throws {
    let codes = try #require(try schema("ErrorCode")["enum"]?.array).compactMap(\.string)
    let responses = try #require(document["components"]?.object?["responses"]?.object)
    let used = responses.members.flatMap { strings(in: $0.value).filter(codes.contains) }
    #expect(Set(used) == Set(codes))
  }

  @Test(arguments: [
    ("RunnerStatus", RunnerStatus.allCases.map(\.rawValue)),
    ("ApprovalStatus", ApprovalStatus.allCases.map(\.rawValue)),
    ("AuditEventType", AuditEvent.Kind.allCases.map(\.rawValue)),
    ("SecurityEventType", SecurityEvent.Kind.allCases.map(\.rawValue)),
    ("Severity", SecurityEvent.Severity.allCases.map(\.rawValue)),
  ])
  func `a closed set has the values of the code`(name: String, values: [String]) throws {
    let documented = try #require(try schema(name)["enum"]?.array).compactMap(\.string)
    #expect(documented.sorted() == values.sorted())
  }

  // MARK: - Reading the document

  private struct Documented {
    let method: String
    let path: String
    let id: String
    let members: JSONObject
    let parameters: [JSONObject]
  }

  private var operations: [Documented] {
    get throws {
      let paths = try #require(document["paths"]?.object)
      return try paths.members.flatMap { path in
        let item = try #require(path.value.object)
        let shared = item["parameters"]?.array ?? []
        return try item.members.filter { $0.name != "parameters" }.map { method in
          let members = try #require(method.value.object)
          return Documented(
            method: method.name.uppercased(), path: path.name,
            id: try #require(members["operationId"]?.string), members: members,
            parameters: try (shared + (members["parameters"]?.array ?? [])).map { try resolved($0) }
          )
        }
      }
    }
  }

  private func documented(_ operation: APIOperation) throws -> Documented {
    try #require(try operations.first { $0.id == operation.rawValue })
  }

  private func schema(_ name: String) throws -> JSONObject {
    try #require(document["components"]?.object?["schemas"]?.object?[name]?.object, "\(name)")
  }

  /// The object, or what it refers to.
  private func resolved(_ value: JSONValue?) throws -> JSONObject {
    let object = try #require(value?.object)
    guard let reference = object["$ref"]?.string else { return object }
    var target = JSONValue.object(document)
    for name in reference.dropFirst("#/".count).split(separator: "/") {
      target = try #require(target.object?[String(name)], "\(reference)")
    }
    return try #require(target.object)
  }

  private func strings(in value: JSONValue) -> [String] {
    if let text = value.string { return [text] }
    if let elements = value.array { return elements.flatMap(strings(in:)) }
    return value.object?.members.flatMap { strings(in: $0.value) } ?? []
  }

  private static let repository = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: repository.appending(path: path), encoding: .utf8)
  }
}
