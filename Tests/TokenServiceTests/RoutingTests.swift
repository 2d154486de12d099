import Concurrency
import FastCGI
import Foundation
import HTTPClient
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

@Suite struct RoutingTests {
  @Test(arguments: [
    "/nothing", "/health/", "/api/v1/runners/", "/api/v1", "/API/v1/runners", "/health/ready/x",
    "/api/v1/runners/a/b", "/api/v1/runners/a/refresh/", "/api/v1/runners/provision/refresh/x",
    "/api/v1/admin", "/api/v1/admin/x", "/api/v1/admin/label-policies/a/b",
    "/api/v1/admin/security-events/a", "/api/v1/admin/runners/a/b", "/api/v1/admin/runners/",
  ])
  func `an unknown path is not found`(path: String) throws {
    let problem = try World().send("GET", path).problem
    #expect(problem == "404 NOT_FOUND" || problem == "400 BAD_REQUEST")
  }

  @Test(arguments: [
    "", "health", "/api/v1/%72unners", "//health", "/api//v1", "/health/.", "/health/../health",
    "/health;x", "/health#x", "/api/v1/runners/a#b", "/api/v1/runners/a%2fb", "/hea\\lth",
    "/h\u{E9}alth", "/health\u{0}",
    "/" + String(repeating: "a", count: 4096), "/api/v1/runners?label=%zz", "/api/v1/runners?%",
  ])
  func `a path or query with more than one reading is refused`(uri: String) throws {
    #expect(try World().send("GET", uri).problem == "400 BAD_REQUEST")
  }

  @Test(arguments: [
    ("/", "POST", "GET, HEAD"), ("/health", "DELETE", "GET, HEAD"),
    ("/api/v1/runners", "POST", "GET, HEAD"),
    ("/api/v1/runners/provision", "PUT", "DELETE, GET, HEAD, POST"),
    ("/api/v1/runners/a", "POST", "DELETE, GET, HEAD"),
    ("/api/v1/runners/a/refresh", "GET", "POST"), ("/health", "TRACE", "GET, HEAD"),
    ("/health", "", "GET, HEAD"), ("/health", "get", "GET, HEAD"),
    ("/api/v1/admin/label-policies", "PUT", "GET, HEAD, POST"),
    ("/api/v1/admin/label-policies/a%2Fb", "PUT", "DELETE, GET, HEAD"),
    ("/api/v1/admin/security-events", "POST", "GET, HEAD"),
    ("/api/v1/admin/runners", "DELETE", "GET, HEAD"),
    ("/api/v1/admin/runners/a", "POST", "DELETE, GET, HEAD"),
  ])
  func `another method is told which ones there are`(
    path: String, method: String, allowed: String
  ) throws {
    let response = try World().send(method, path)
    #expect(response.problem == "405 METHOD_NOT_ALLOWED")
    #expect(response.header("Allow") == allowed)
  }

  @Test func `HEAD is GET without the body`() throws {
    let world = try World()
    let get = world.send("GET", "/health")
    let head = world.send("HEAD", "/health")
    #expect(head.status == 200)
    #expect(head.body.isEmpty)
    #expect(head.header("Content-Length") == String(get.body.count))
  }

  @Test func `a parameter that a route does not have is refused by name`() throws {
    let response = try World().send("GET", "/api/v1/auth/me?verbose=true")
    #expect(response.problem == "422 VALIDATION_ERROR")
    #expect(response.text.contains("verbose"))
  }

  @Test func `the root names the service and its links`() throws {
    let body = try World().send("GET", "/").object
    #expect(body["name"] == .string("runner-token-service"))
    #expect(body["version"] == .string(Version.current))
    let links = try #require(body["links"]?.object).members.compactMap(\.value.string)
    for link in links {
      #expect(try Route(method: "GET", uri: link).template.isEmpty == false)
    }
  }

  @Test func `health is answered without any I-O`() throws {
    let world = try World()
    world.fail("/", .timedOut)
    let response = world.send("GET", "/health")
    #expect(response.status == 200)
    #expect(try response.object["status"] == .string("healthy"))
    #expect(try response.object["timestamp"] == .string(Timestamp(world.clock.date).description))
    #expect(world.calls("/") == 0)
  }

  @Test func `a request id that the web server did not make is replaced`() throws {
    let world = try World()
    for id in ["", "a b", "x\r\ny", String(repeating: "a", count: 65)] {
      let response = world.send("GET", "/health", parameters: [("REQUEST_ID", id)])
      let answered = try #require(response.header("X-Request-ID"))
      #expect(answered != id)
      #expect(UUID(uuidString: answered) != nil)
    }
    #expect(
      world.send("GET", "/health", parameters: [("REQUEST_ID", "ab12")]).header("X-Request-ID")
        == "ab12")
  }

  @Test func `a problem has the members of RFC 9457 and ours`() throws {
    let body = try World().send("GET", "/nothing").object
    #expect(
      body.members.map(\.name) == ["detail", "error_code", "request_id", "status", "title", "type"])
    #expect(body["title"] == .string("Not Found"))
    #expect(body["request_id"] == .string("0123456789abcdef"))
  }

  @Test(arguments: [
    (Request.Body.tooLarge(limit: 65536), "413 BODY_TOO_LARGE"),
    (.malformed, "400 BAD_REQUEST"),
  ])
  func `a body that did not arrive is refused`(body: Request.Body, problem: String) throws {
    let world = try World()
    let parameters = Parameters([
      ("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/api/v1/runners/provision"),
      ("CONTENT_TYPE", "application/json"),
      ("HTTP_AUTHORIZATION", "Bearer \(try world.token())"),
    ])
    #expect(
      world.service.recordedResponse(to: Request(parameters: parameters, body: body)).problem
        == problem)
  }
}

@Suite struct ReadinessTests {
  private func checks(_ response: Response) throws -> [String: String] {
    let checks = try #require(try response.object["checks"]?.object)
    return Dictionary(
      uniqueKeysWithValues: checks.members.map { ($0.name, $0.value.string ?? "") })
  }

  @Test func `a service that has everything is ready`() throws {
    let response = try World().send("GET", "/health/ready")
    #expect(response.status == 200)
    #expect(try response.object["status"] == .string("ready"))
    #expect(
      try checks(response) == [
        "database": "ok", "schema": "ok", "audit_file": "ok", "github_credentials": "ok",
        "oidc_keys": "ok", "github_installation": "ok", "github_rate_limit": "ok",
        "database_log": "ok",
      ])
  }

  @Test func `a write-ahead log that only grows is told of, and the service is ready`() throws {
    let world = try World()
    let log = world.directory.file("service.db-wal")
    #expect(FileManager.default.fileExists(atPath: log))
    // A maintainer that is stuck: as long as there is one, workers leave the log alone.
    let maintainer = try Storage.Database(path: world.directory.file("service.db")) {
      Timestamp(Date())
    }
    #expect(maintainer.becomeMaintainer())
    // Behind its end nothing counts.
    #expect(truncate(log, off_t(Storage.Database.unhealthyLogSize) + 1) == 0)
    let response = world.send("GET", "/health/ready")
    #expect(response.status == 200)
    #expect(try checks(response)["database_log"] == "degraded")
  }

  @Test(arguments: [
    ("/oidc", "oidc_keys"), ("/access_tokens", "github_credentials"),
  ])
  func `a host that does not answer makes it not ready`(path: String, check: String) throws {
    let world = try World()
    world.fail(path, .timedOut)
    let response = world.send("GET", "/health/ready")
    #expect(response.status == 503)
    #expect(response.header("Retry-After") == "5")
    #expect(try checks(response).filter { $0.value == "failed" }.keys.sorted() == [check])
  }

  @Test func `an audit log that cannot be written makes it not ready`() throws {
    let world = try World()
    try FileManager.default.createDirectory(
      atPath: world.directory.file("audit.jsonl"), withIntermediateDirectories: false)
    #expect(try checks(world.send("GET", "/health/ready"))["audit_file"] == "failed")
  }

  @Test func `many who ask at once get an answer, and later ones a new look`() throws {
    let world = try World()
    let statuses = Locked<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 50) { _ in
      let status = world.send("GET", "/health/ready").status
      statuses.withLock { $0.append(status) }
    }
    // Those who came while the first look lasted are told so.
    #expect(Set(statuses.withLock { $0 }).isSubset(of: [200, 503]))
    #expect(world.send("GET", "/health/ready").status == 200)
    #expect(world.calls("/access_tokens") == 1)
    try FileManager.default.removeItem(atPath: world.directory.file("audit.jsonl"))
    try FileManager.default.createDirectory(
      atPath: world.directory.file("audit.jsonl"), withIntermediateDirectories: false)
    var status = 200
    for _ in 0..<80 where status == 200 {
      usleep(100_000)
      status = world.send("GET", "/health/ready").status
    }
    #expect(status == 503)
  }

  @Test func `what was looked at just now is not looked at again`() throws {
    let world = try World()
    _ = world.send("GET", "/health/ready")
    world.fail("/", .timedOut)
    #expect(world.send("GET", "/health/ready").status == 200)
  }
}
