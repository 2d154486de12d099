import FastCGI
import HTTPClient
import Testing

@testable import TokenService

/// What holds of each operation, whatever it does.
@Suite struct EveryOperationTests {
  /// Those that take no bearer token: the first four are for everybody, and GitHub signs.
  static let withoutToken: Set<APIOperation> = [
    .showService, .showAPI, .showHealth, .showReadiness, .receiveWebhook,
  ]
  static let forCallers: Set<APIOperation> = [
    .provisionRunner, .provisionJITRunner, .listRunners, .showRunner, .refreshRunner,
    .deleteRunner, .showCaller, .showApproval,
  ]
  static let withToken = APIOperation.allCases.filter { !withoutToken.contains($0) }

  @Test(arguments: withToken)
  func `who sends no token, or a wrong one, is nobody`(operation: APIOperation) throws {
    let world = try World()
    let (method, uri) = (operation.method, operation.exampleURI)
    #expect(world.send(method, uri, body: "{}").problem == "401 UNAUTHENTICATED")
    let wrong = world.send(method, uri, token: try world.token() + "x", body: "{}")
    #expect(wrong.problem == "401 INVALID_TOKEN")
  }

  @Test(arguments: withoutToken)
  func `what needs no token is answered without`(operation: APIOperation) throws {
    let world = try World()
    let answer = world.send(operation.method, operation.exampleURI)
    #expect(answer.problem == (operation == .receiveWebhook ? "404 NOT_FOUND" : "200 -"))
  }

  @Test(arguments: withToken)
  func `a caller may do what is for callers, and nothing else`(operation: APIOperation) throws {
    let world = try World.withAdmins()
    let (method, uri) = (operation.method, operation.exampleURI)
    let body = #"{"reason":"No"}"#
    let caller = world.send(method, uri, token: try world.token(), body: body)
    #expect((caller.problem == "403 ADMIN_REQUIRED") != Self.forCallers.contains(operation))
    let admin = world.send(method, uri, token: try world.token("root"), body: body)
    #expect(admin.status != 401 && admin.status != 403)
  }

  @Test(arguments: [
    APIOperation.provisionRunner, .provisionJITRunner, .approveRequest, .denyRequest,
    .saveLabelPolicy,
  ])
  func `a body that is not said to be JSON is not read`(operation: APIOperation) throws {
    let world = try World.withAdmins()
    let answer = world.send(
      operation.method, operation.exampleURI, token: try world.token("root"), body: "{}",
      parameters: [("CONTENT_TYPE", "text/plain")])
    #expect(answer.problem == "415 UNSUPPORTED_MEDIA_TYPE")
  }

  @Test(arguments: withToken)
  func `a provider that does not answer is not the caller's fault`(operation: APIOperation) throws {
    let world = try World()
    let token = try world.token()
    world.fail("/oidc", .timedOut)
    let answer = world.send(operation.method, operation.exampleURI, token: token, body: "{}")
    #expect(answer.problem == "503 IDENTITY_PROVIDER_UNAVAILABLE")
    #expect(answer.header("Retry-After") != nil)
  }
}

extension APIOperation {
  /// Its path, with names of nothing that exists.
  var exampleURI: String {
    template.replacing(/\{[a-z]+\}/, with: "example")
  }
}
