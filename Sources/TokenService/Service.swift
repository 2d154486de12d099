public import FastCGI
public import Foundation
public import GitHub
public import Logging
public import OIDC
import Runners
public import Storage
import StrictJSON

/// The application: takes a request, answers it. One value serves all threads of a worker.
public struct Service: RequestHandler {
  let settings: Settings
  let authenticator: Authenticator
  var github: GitHubClient
  let database: Database
  let auditFile: AuditFile
  let readiness: Readiness
  let runnerGroups: Remembered<[RunnerGroup]>
  let installationLook: Remembered<Installation.State>
  let logger: Logger
  let now: @Sendable () -> Date

  /// - Parameters:
  ///   - settings: the configuration, for as long as the process lives.
  ///   - tokenValidator: nil where authentication is disabled.
  ///   - github: without a budget: each request makes its own.
  ///   - database: what all workers share.
  ///   - auditFile: the mirror of the audit log. What cannot be written to it does not happen.
  ///   - logger: for admins. No secret gets there.
  ///   - now: the wall clock.
  public init(
    settings: Settings, tokenValidator: TokenValidator?, github: GitHubClient, database: Database,
    auditFile: AuditFile, logger: Logger, now: @escaping @Sendable () -> Date
  ) {
    self.settings = settings
    self.github = github
    self.database = database
    self.auditFile = auditFile
    self.logger = logger
    self.now = now
    authenticator = Authenticator(settings: settings, tokenValidator: tokenValidator, now: now)
    runnerGroups = Remembered(now: now)
    installationLook = Remembered(now: now)
    readiness = Readiness(
      database: database, auditFile: auditFile, tokenValidator: tokenValidator, github: github,
      installationID: settings.github.credentials.installationID, logger: logger)
  }

  /// How many bytes of body any request may have.
  public var bodyLimit: Int {
    settings.github.webhookKey == nil ? WorkerPool.Options.defaultBodyLimit : WebhookBody.limit
  }

  /// Only a webhook may be large.
  public func bodyLimit(for parameters: Parameters) -> Int {
    let isWebhook =
      parameters.method == "POST" && parameters.requestURI == Route.receiveWebhook.template
    return isWebhook ? bodyLimit : WorkerPool.Options.defaultBodyLimit
  }

  public func respond(to request: Request) -> Response {
    // Never nil for the last turn.
    respond(to: request, turn: .last)
      ?? Problem(.internalError).response(requestID: RequestContext(request: request).requestID)
  }

  public func respond(to request: Request, turn: Turn) -> Response? {
    var context = RequestContext(request: request, turn: turn)
    var response: Response
    do {
      let route = try Route(method: request.parameters.method, uri: request.parameters.requestURI)
      context.route = route.template
      response = try answer(request, to: route, &context)
    } catch is AwaitsTurn {
      return nil
    } catch {
      response = problem(error, &context)
    }
    finish(&response, context)
    log(response, context, duration: .now - request.receivedAt)
    return response
  }

  public var hasTurn: Bool { github.hasPlace }

  /// Every endpoint, in one place.
  private func answer(
    _ request: Request, to route: Route, _ context: inout RequestContext
  ) throws -> Response {
    switch route {
    case .root: try root()
    case .apiDocument: try showAPIDocument()
    case .health: try health()
    case .readiness: try showReadiness()
    case .provisionRunner(let kind):
      try provisionRunner(request, kind, try caller(of: request, &context), context)
    case .explainProvision(let kind):
      try explainProvision(request, kind, try caller(of: request, &context), context)
    case .explainProvisionOf(let identity, let kind):
      try explainProvision(request, kind, of: identity, try admin(of: request, &context), context)
    case .listRunners(let query):
      try listRunners(query, try caller(of: request, &context))
    case .showRunner(let name):
      try showRunner(name, try caller(of: request, &context))
    case .refreshRunner(let name):
      try refreshRunner(name, try caller(of: request, &context), context)
    case .deleteRunner(let name, let query):
      try deleteRunner(name, query, try caller(of: request, &context), context)
    case .showCaller:
      try showCaller(try caller(of: request, &context), context)
    case .showApproval(let id):
      try showApproval(id, try caller(of: request, &context))
    case .listApprovals(let query):
      try listApprovals(query, try admin(of: request, &context))
    case .decideApproval(let id, let decision):
      try decideApproval(id, decision, request, try admin(of: request, &context), context)
    case .saveLabelPolicy:
      try saveLabelPolicy(request, try admin(of: request, &context), context)
    case .listLabelPolicies(let query):
      try listLabelPolicies(query, try admin(of: request, &context))
    case .showLabelPolicy(let user):
      try showLabelPolicy(user, try admin(of: request, &context))
    case .deleteLabelPolicy(let user):
      try deleteLabelPolicy(user, request, try admin(of: request, &context), context)
    case .listSecurityEvents(let query):
      try listSecurityEvents(query, try admin(of: request, &context))
    case .listAuditLog(let query):
      try listAuditLog(query, try admin(of: request, &context))
    case .listAllRunners(let query):
      try listAllRunners(query, try admin(of: request, &context))
    case .showAnyRunner(let id):
      try showAnyRunner(id, try admin(of: request, &context))
    case .deleteAnyRunner(let id, let query):
      try deleteAnyRunner(id, query, try admin(of: request, &context), context)
    case .listRunnerGroups:
      try listRunnerGroups(try admin(of: request, &context), context)
    case .receiveWebhook:
      try receiveWebhook(request, context)
    }
  }

  func caller(of request: Request, _ context: inout RequestContext) throws -> Principal {
    try authenticator.authenticate(request.parameters, &context)
  }

  /// The one place where an error becomes an answer.
  private func problem(_ error: any Error, _ context: inout RequestContext) -> Response {
    let serviceError = ServiceError(error)
    context.error = serviceError
    // A service error's code says it all.
    if !(error is ServiceError) { context.cause = error }
    return Problem(serviceError).response(requestID: context.requestID)
  }

  /// What every answer carries.
  private func finish(_ response: inout Response, _ context: RequestContext) {
    // RFC 9110 section 8.6: none with 204.
    if response.status != 204 {
      response.headers.append(.init("Content-Length", String(response.body.count)))
    }
    response.headers += [
      .init("X-Request-ID", context.requestID),
      .init("Cache-Control", "no-store"),
      .init("X-Content-Type-Options", "nosniff"),
    ]
    if !settings.isAuthenticationEnabled {
      response.headers.append(.init("Warning", "299 - \"authentication is disabled\""))
    }
    if context.method == "HEAD" { response.body = [] }
  }

  private func log(_ response: Response, _ context: RequestContext, duration: Duration) {
    let level = level(response, context)
    guard level >= logger.logLevel else { return }
    var metadata: Logger.Metadata = [
      "request_id": "\(context.requestID)",
      "method": "\(context.method)",
      "route": "\(context.route ?? "unknown")",
      "status": .stringConvertible(response.status),
      "duration_ms": .stringConvertible(duration.milliseconds),
      "request_ip": "\(context.remoteAddress)",
    ]
    if let identity = context.principal?.identity { metadata["identity"] = "\(identity)" }
    if let error = context.error { metadata["error_code"] = "\(Problem(error).code)" }
    if let cause = context.cause {
      metadata["cause"] = "\(String(describing: cause).prefix(scalars: 500))"
    }
    if case .invalidToken = context.error, let token = context.bearerToken {
      metadata.merge(TokenFacts(reading: token).metadata) { $1 }
    }
    logger.log(level: level, "request", metadata: metadata)
  }

  /// Anybody can cause an answer about the identity provider while it is down, and that it is down is said elsewhere.
  private func level(_ response: Response, _ context: RequestContext) -> Logger.Level {
    switch context.error {
    case .identityProviderUnavailable, .identityProviderBusy: .info
    default: response.status >= 500 ? .error : .info
    }
  }
}

extension Duration {
  var milliseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
  }
}
