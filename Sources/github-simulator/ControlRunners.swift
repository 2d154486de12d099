import Concurrency
import FastCGI

extension Endpoint {
  /// What happens on the runners' machines. Each is described in `ControlHelp`.
  static let controlRunners = [
    Endpoint("POST", "/control/runners/register", Simulator.registerRunner),
    Endpoint("POST", "/control/runners/many", Simulator.addRunners),
    Endpoint("POST", "/control/runners/connect", Simulator.connectJITRunner),
    Endpoint("POST", "/control/runners/{name}/status", Simulator.setStatus),
    Endpoint("POST", "/control/runners/{name}/job", Simulator.changeJob),
    Endpoint("DELETE", "/control/runners/{name}", Simulator.removeRunner),
  ]
}

extension Simulator {
  /// `config.sh --unattended`.
  fileprivate func registerRunner(_ call: Call) throws(Refusal) -> Response {
    let registration = try Registration(call)
    let now = now()
    let runner = try state.withLock { state throws(Refusal) in
      guard state.isRegistrationToken(registration.token, at: now) else { throw .notFound }
      return try state.register(registration)
    }
    return .json(201, RunnerAnswer(runner, withGroup: true))
  }

  /// `run.sh --jitconfig`. A second start while the first one runs is a session conflict.
  fileprivate func connectJITRunner(_ call: Call) throws(Refusal) -> Response {
    let body = try RequestBody(call, allowing: ["encoded_jit_config"])
    let config = try body.required("encoded_jit_config", .string)
    let runner = try state.withLock { state throws(Refusal) in
      guard let known = state.runners.runner(jitConfig: config) else { throw .notFound }
      guard !known.isOnline else {
        throw Refusal(409, "A session for this runner already exists.")
      }
      return state.change(known) { $0.connect() }
    }
    return .json(200, RunnerAnswer(runner, withGroup: true))
  }

  /// The runner's process starts, stops, or dies in the middle of a job.
  fileprivate func setStatus(_ call: Call) throws(Refusal) -> Response {
    let status = try RequestBody(call, allowing: ["status"]).required("status", .string)
    guard ["online", "offline"].contains(status) else {
      throw Refusal(422, "Invalid property /status: it is not online or offline")
    }
    return try changeRunner(call) { runner in
      if status == "online" { runner.connect() } else { runner.isOnline = false }
    }
  }

  /// A job starts or ends. An ephemeral runner is gone after its job.
  fileprivate func changeJob(_ call: Call) throws(Refusal) -> Response {
    switch try RequestBody(call, allowing: ["action"]).required("action", .string) {
    case "start": try changeRunner(call) { runner throws(Refusal) in try runner.startJob() }
    case "finish": try finishJob(call)
    default: throw Refusal(422, "Invalid property /action: it is not start or finish")
    }
  }

  private func finishJob(_ call: Call) throws(Refusal) -> Response {
    let runner = try state.withLock { state throws(Refusal) in
      let runner = try state.runner(call)
      guard runner.isBusy else { throw Refusal(409, "The runner has no job.") }
      let rested = state.change(runner) { $0.isBusy = false }
      if rested.isEphemeral { state.runners.remove(rested) }
      return rested
    }
    return .json(200, RunnerAnswer(runner, withGroup: true))
  }

  /// Somebody removes the runner at GitHub, busy or not.
  fileprivate func removeRunner(_ call: Call) throws(Refusal) -> Response {
    try state.withLock { state throws(Refusal) in state.runners.remove(try state.runner(call)) }
    return .noContent
  }

  private func changeRunner(
    _ call: Call, _ change: (inout Runner) throws(Refusal) -> Void
  ) throws(Refusal) -> Response {
    let runner = try state.withLock { state throws(Refusal) in
      try state.change(try state.runner(call), change)
    }
    return .json(200, RunnerAnswer(runner, withGroup: true))
  }
}

extension Runner {
  fileprivate mutating func connect() {
    isOnline = true
    os = "Linux"
  }

  fileprivate mutating func startJob() throws(Refusal) {
    guard isOnline else { throw Refusal(409, "The runner is offline.") }
    guard !isBusy else { throw Refusal(409, "The runner has a job.") }
    isBusy = true
  }
}

/// What `config.sh` is told.
private struct Registration {
  static let members: Set<String> = [
    "token", "name", "labels", "ephemeral", "group", "replace", "no_default_labels",
  ]

  let token: String
  let name: String
  let labels: [String]
  let isEphemeral: Bool
  let group: String
  let replaces: Bool
  let hasDefaultLabels: Bool

  init(_ call: Call) throws(Refusal) {
    let body = try RequestBody(call, allowing: Self.members)
    token = try body.required("token", .string)
    name = try body.required("name", .string)
    labels = try body.optional("labels", .strings) ?? []
    isEphemeral = try body.optional("ephemeral", .boolean) ?? false
    group = try body.optional("group", .string) ?? "Default"
    replaces = try body.optional("replace", .boolean) ?? false
    hasDefaultLabels = try body.optional("no_default_labels", .boolean) != true
    guard (1...64).contains(name.count) else {
      throw Refusal(422, "Invalid property /name: runner names have 1 to 64 characters")
    }
    guard labels.allSatisfy({ (1...256).contains($0.count) }) else {
      throw Refusal(422, "Invalid property /labels: a label has 1 to 256 characters")
    }
    guard hasDefaultLabels || !labels.isEmpty else {
      throw Refusal(422, "Invalid property /labels: no_default_labels needs labels")
    }
  }

  /// The system's labels keep out custom ones of the same name.
  var runnerLabels: [Runner.Label] {
    let system = hasDefaultLabels ? ["self-hosted", "Linux", "X64"] : []
    let taken = Set(system.map { $0.lowercased() })
    let custom = labels.filter { !taken.contains($0.lowercased()) }
    return Runner.Label.unique(system, type: .readOnly) + Runner.Label.unique(custom, type: .custom)
  }
}

extension GitHubState {
  /// The runner that the path names.
  fileprivate func runner(_ call: Call) throws(Refusal) -> Runner {
    guard let runner = call.captures["name"].flatMap({ runners[$0] }) else { throw .notFound }
    return runner
  }

  fileprivate mutating func change<Failure: Error>(
    _ runner: Runner, _ change: (inout Runner) throws(Failure) -> Void
  ) throws(Failure) -> Runner {
    var runner = runner
    try change(&runner)
    runners.store(runner)
    return runner
  }

  /// A runner that is replaced keeps its id and nothing else.
  fileprivate mutating func register(_ registration: Registration) throws(Refusal) -> Runner {
    guard let group = groups.first(where: { $0.name == registration.group }) else {
      throw Refusal(
        404, "Could not find any self-hosted runner group named \"\(registration.group)\".")
    }
    let existing = runners[registration.name]
    guard existing == nil || registration.replaces else {
      throw Refusal(409, "A runner exists with the same name \(registration.name).")
    }
    let runner = Runner(
      id: existing?.id ?? runners.nextID(), name: registration.name, os: "unknown",
      labels: registration.runnerLabels, groupID: group.id,
      isEphemeral: registration.isEphemeral, origin: .registrationToken(registration.token))
    runners.store(runner)
    return runner
  }
}
