import Concurrency
import FastCGI

extension Simulator {
  /// As many runners as a large organization has, at once. Answers with the first one's id; the others follow it.
  func addRunners(_ call: Call) throws(Refusal) -> Response {
    let body = try RequestBody(call, allowing: ["count", "prefix", "labels"])
    let count = try body.required("count", .integer)
    let prefix = try body.optional("prefix", .string) ?? "many"
    let labels = try body.optional("labels", .strings) ?? []
    guard (1...20_000).contains(count) else {
      throw Refusal(422, "Invalid property /count: 1 to 20000")
    }
    let first = state.withLock { state in
      (1...count).map { number in
        let digits = String(100_000 + number).dropFirst()
        let runner = Runner(
          id: state.runners.nextID(), name: "\(prefix)-\(digits)", os: "Linux", isOnline: true,
          labels: Runner.Label.unique(["self-hosted", "Linux", "X64"], type: .readOnly)
            + Runner.Label.unique(labels, type: .custom),
          groupID: 1, isEphemeral: false, origin: .registrationToken("nobody's"))
        state.runners.store(runner)
        return runner.id
      }.first
    }
    return .json(201, ["first_id": first])
  }
}
