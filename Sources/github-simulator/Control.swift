import Concurrency
import FastCGI
import Foundation
import JOSE

extension Endpoint {
  /// The levers that have nothing to do with single runners. Each is described in `ControlHelp`.
  static let control = [
    Endpoint("GET", "/control/state", Simulator.showState),
    Endpoint("GET", "/control/issued", Simulator.showIssued),
    Endpoint("POST", "/control/reset", Simulator.reset),
    Endpoint("POST", "/control/faults", Simulator.addFault),
    Endpoint("DELETE", "/control/faults", Simulator.clearFaults),
    Endpoint("POST", "/control/rate-limit", Simulator.setRateLimit),
    Endpoint("POST", "/control/installation", Simulator.setInstallation),
    Endpoint("POST", "/control/keys/rotate", Simulator.rotateKeys),
    Endpoint("POST", "/control/tokens/revoke", Simulator.revokeTokens),
    Endpoint("POST", "/control/runner-groups", Simulator.addRunnerGroup),
  ]
}

extension Simulator {
  fileprivate func showState(_ call: Call) throws(Refusal) -> Response {
    let now = now()
    return .json(200, state.withLock { StateAnswer($0, now: now) })
  }

  fileprivate func showIssued(_ call: Call) throws(Refusal) -> Response {
    let issued = state.withLock { $0.issued }
    do {
      return .json(
        200,
        [
          "registration_tokens": try issued.registrationTokens.map(Self.fingerprint),
          "jit_configs": try issued.jitConfigs.map(Self.fingerprint),
        ])
    } catch {
      throw Refusal(500, "No SHA-256: \(error)")
    }
  }

  private static func fingerprint(_ secret: String) throws(JOSEError) -> String {
    try Digest.sha256Hex(Array(secret.utf8))
  }

  /// Everything is as at the start, except for the identity provider's keys.
  fileprivate func reset(_ call: Call) throws(Refusal) -> Response {
    let now = now()
    state.withLock { $0 = GitHubState(rateLimit: settings.rateLimit, now: now) }
    return .noContent
  }

  fileprivate func addFault(_ call: Call) throws(Refusal) -> Response {
    let fault = try Fault(call)
    let count = state.withLock { state in
      state.faults.add(fault)
      return state.faults.count
    }
    return .json(201, ["faults_pending": count])
  }

  fileprivate func clearFaults(_ call: Call) throws(Refusal) -> Response {
    state.withLock { $0.faults.clear() }
    return .noContent
  }

  fileprivate func setRateLimit(_ call: Call) throws(Refusal) -> Response {
    let body = try RequestBody(call, allowing: ["remaining", "reset_in"])
    let remaining = try body.required("remaining", .integer)
    let seconds = try body.optional("reset_in", .integer, in: 0...86_400) ?? 60
    let now = now()
    let limit = state.withLock { state in
      state[.installation, now: now].set(remaining: remaining, resetIn: seconds, now: now)
      return state[.installation, now: now]
    }
    return .json(200, RateLimitAnswer.Limit(limit))
  }

  fileprivate func setInstallation(_ call: Call) throws(Refusal) -> Response {
    let isSuspended = try RequestBody(call, allowing: ["suspended"]).required(
      "suspended", .boolean)
    let now = now()
    state.withLock { $0.suspendedAt = isSuspended ? $0.suspendedAt ?? now : nil }
    return .json(200, ["suspended": isSuspended])
  }

  fileprivate func rotateKeys(_ call: Call) throws(Refusal) -> Response {
    let keepsOld =
      try RequestBody(call, allowing: ["keep_old"]).optional("keep_old", .boolean) ?? true
    let newer: SigningKeys
    do { newer = try SigningKeys() } catch {
      throw Refusal(500, "The keys could not be made: \(error)")
    }
    let published = signingKeys.withLock { keys in
      keys.rotate(to: newer, keepingOld: keepsOld)
      return keys.published
    }
    return .json(200, ["keys": published.map(\.keyID)])
  }

  fileprivate func revokeTokens(_ call: Call) throws(Refusal) -> Response {
    state.withLock { $0.revokeInstallationTokens() }
    return .noContent
  }

  fileprivate func addRunnerGroup(_ call: Call) throws(Refusal) -> Response {
    let body = try RequestBody(call, allowing: ["id", "name"])
    let group = RunnerGroup(
      id: try body.required("id", .integer), name: try body.required("name", .string))
    let isNew = state.withLock { state in
      guard group.id != RunnerGroup.hostedID, state.group(id: group.id) == nil else {
        return false
      }
      state.groups.append(group)
      return true
    }
    guard isNew else { throw Refusal(409, "A runner group with the id \(group.id) exists.") }
    return .json(201, GroupAnswer(id: group.id, name: group.name))
  }

  private struct GroupAnswer: Encodable {
    let id: Int
    let name: String
  }
}

/// What `GET /control/state` shows.
private struct StateAnswer: Encodable {
  let runners: [KnownRunner]
  let registrationTokensIssued: Int
  let jitConfigsIssued: Int
  let installationTokensIssued: Int
  let jwksFetches: Int
  let notModified: Int
  let requests: [String: Int]
  let faultsPending: Int
  let rateLimitRemaining: Int
  let suspended: Bool

  init(_ state: GitHubState, now: Date) {
    runners = state.runners.sorted.map(KnownRunner.init)
    registrationTokensIssued = state.issued.registrationTokens.count
    jitConfigsIssued = state.issued.jitConfigs.count
    installationTokensIssued = state.issued.installationTokens
    jwksFetches = state.requests["GET \(Endpoint.jwksPath)"] ?? 0
    notModified = state.notModified
    requests = state.requests
    faultsPending = state.faults.count
    rateLimitRemaining = state[.installation, now: now].remaining
    suspended = state.suspendedAt != nil
  }

  /// A runner with what GitHub does not tell.
  struct KnownRunner: Encodable {
    let runner: RunnerAnswer
    let ephemeral: Bool
    /// `registration_token` or `jit_config`.
    let registeredWith: String
    var registrationToken: String?

    private enum CodingKeys: CodingKey {
      case ephemeral, registeredWith, registrationToken
    }

    init(_ runner: Runner) {
      self.runner = RunnerAnswer(runner, withGroup: true)
      ephemeral = runner.isEphemeral
      switch runner.origin {
      case .registrationToken(let token):
        registeredWith = "registration_token"
        registrationToken = token
      case .jitConfig:
        registeredWith = "jit_config"
      }
    }

    func encode(to encoder: any Encoder) throws {
      try runner.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(ephemeral, forKey: .ephemeral)
      try container.encode(registeredWith, forKey: .registeredWith)
      try container.encodeIfPresent(registrationToken, forKey: .registrationToken)
    }
  }
}
