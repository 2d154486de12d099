import Foundation

/// What `generate-jitconfig` is asked for, once it has been found well-formed.
struct JITRequest {
  let name: String
  let groupID: Int
  let labels: [String]
  let workFolder: String

  init(_ call: Call) throws(Refusal) {
    let body = try RequestBody(call)
    name = try body.required("name", .string)
    groupID = try body.required("runner_group_id", .integer)
    labels = try body.required("labels", .strings)
    workFolder = try body.optional("work_folder", .string) ?? "_work"
    try Self.checkName(name)
    try Self.checkLabels(labels)
  }

  private static func checkName(_ name: String) throws(Refusal) {
    guard (1...64).contains(name.count), name.allSatisfy(isAllowedInName) else {
      throw Refusal(
        422, "Invalid property /name: 1 to 64 letters, digits, '.', '_' and '-' are allowed.")
    }
  }

  private static func isAllowedInName(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
  }

  private static func checkLabels(_ labels: [String]) throws(Refusal) {
    guard !labels.isEmpty else {
      throw Refusal(422, "Invalid property /labels: 1 item required; only 0 were supplied")
    }
    guard labels.count <= 100 else {
      throw Refusal(
        422,
        "Invalid property /labels: no more than 100 items are allowed; \(labels.count) were "
          + "supplied.")
    }
    guard labels.allSatisfy({ (1...256).contains($0.count) }) else {
      throw Refusal(422, "Invalid property /labels: a label has 1 to 256 characters.")
    }
  }
}

extension GitHubState {
  /// Creates the runner at once: it is there, offline, before anything has connected.
  mutating func addJITRunner(
    _ request: JITRequest, settings: Simulator.Settings
  ) throws(Refusal) -> Runner {
    guard request.groupID != RunnerGroup.hostedID else {
      throw Refusal(403, "Resource not accessible by integration")
    }
    guard group(id: request.groupID) != nil else { throw .notFound }
    guard runners[request.name] == nil else {
      // The asterisks are literal: the name is not echoed.
      throw Refusal(409, "Already exists - A runner with the name *** already exists.")
    }
    let id = runners.nextID()
    let config = JITConfig.encoded(request, runnerID: id, settings: settings)
    let runner = Runner(
      id: id, name: request.name, os: "unknown",
      labels: Runner.Label.unique(request.labels.map { $0.lowercased() }, type: .readOnly),
      groupID: request.groupID, isEphemeral: true,
      origin: .jitConfig(config))
    runners.store(runner)
    issued.jitConfigs.append(config)
    return runner
  }
}

/// The files that a JIT runner starts from. Shaped like the real ones and about as long; the key is
/// random bytes.
enum JITConfig {
  /// base64 of a JSON object of file names and base64 contents.
  static func encoded(
    _ request: JITRequest, runnerID: Int, settings: Simulator.Settings
  ) -> String {
    let files = [
      ".runner": base64(runnerFile(request, runnerID: runnerID, settings: settings)),
      ".credentials": base64(credentialsFile(settings)),
      ".credentials_rsaparams": base64(keyFile()),
    ]
    return base64(files)
  }

  private static func base64(_ value: [String: String]) -> String {
    Data((try? JSONText.encode(value)) ?? []).base64EncodedString()
  }

  private static func runnerFile(
    _ request: JITRequest, runnerID: Int, settings: Simulator.Settings
  ) -> [String: String] {
    [
      "AgentId": String(runnerID),
      "AgentName": request.name,
      "PoolId": String(request.groupID),
      "PoolName": "Default",
      "Ephemeral": "true",
      "DisableUpdate": "false",
      "ServerUrl": "\(settings.baseURL)/pipelines/\(Random.hex(32))/",
      "GitHubUrl": "\(settings.baseURL)/\(settings.organization)",
      "WorkFolder": request.workFolder,
      "UseV2Flow": "true",
      "ServerUrlV2": "\(settings.baseURL)/broker/",
    ]
  }

  private static func credentialsFile(_ settings: Simulator.Settings) -> [String: String] {
    [
      "Scheme": "OAuth",
      "ClientId": UUID().uuidString.lowercased(),
      "AuthorizationUrl": "\(settings.baseURL)/broker/oauth2/token",
      "RequireFipsCryptography": "True",
    ]
  }

  private static func keyFile() -> [String: String] {
    let sizes = [
      "modulus": 256, "d": 256, "p": 128, "q": 128, "dp": 128, "dq": 128, "inverseQ": 128,
    ]
    var parameters = sizes.mapValues { Data(Random.bytes($0)).base64EncodedString() }
    parameters["exponent"] = "AQAB"
    return parameters
  }
}
