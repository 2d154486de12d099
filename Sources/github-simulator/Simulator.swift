import Concurrency
import FastCGI
import Foundation
import JOSE

/// GitHub, an identity provider, and the levers that move them. Answers from memory.
final class Simulator: RequestHandler {
  struct Settings: Sendable {
    /// How the outside reaches the simulator, without a slash at the end.
    var baseURL = "http://127.0.0.1:8080"
    var organization = "demo-org"
    var appID = 12_345
    var installationID = 67_890
    /// Requests of an installation, and of the App itself, in an hour.
    var rateLimit = 5000
  }

  let settings: Settings
  let appAuthentication: AppAuthentication
  let now: @Sendable () -> Date
  let state: Locked<GitHubState>
  let signingKeys: Locked<SigningKeys>

  init(
    settings: Settings, appKey: PublicKey, signingKeys: SigningKeys,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.settings = settings
    appAuthentication = AppAuthentication(appID: settings.appID, key: appKey)
    self.now = now
    state = Locked(GitHubState(rateLimit: settings.rateLimit, now: now()))
    self.signingKeys = Locked(signingKeys)
  }

  func respond(to request: Request) -> Response {
    let unrouted = Call(request)
    let (endpoint, call) = Endpoint.find(for: unrouted) ?? (nil, unrouted)
    guard call.part != .control else { return answer(call, at: endpoint) }
    let fault = state.withLock { state in
      state.requests["\(call.method) \(endpoint?.template ?? "unknown")", default: 0] += 1
      return state.faults.next(for: call)
    }
    guard let fault else { return answer(call, at: endpoint) }
    let lost = fault.isAfter ? answer(call, at: endpoint) : nil
    fault.wait()
    var response = fault.response ?? lost ?? answer(call, at: endpoint)
    if fault.response != nil { response.setDefault("X-Simulated-Fault", "true") }
    return call.part == .gitHub ? decorate(response, to: call, budget: .installation) : response
  }

  /// What is said where no fault interferes.
  private func answer(_ call: Call, at endpoint: Endpoint?) -> Response {
    var response =
      call.part == .gitHub ? gitHubAnswer(to: call, at: endpoint) : handle(call, at: endpoint)
    if call.method == "HEAD" { response.body = [] }
    return response
  }

  /// Runs the endpoint. Its refusals are answers like others.
  func handle(_ call: Call, at endpoint: Endpoint?) -> Response {
    guard let endpoint else { return Refusal.notFound.response }
    do throws(Refusal) {
      return try endpoint.handler(self)(call)
    } catch {
      return error.response
    }
  }
}
