import Runners
import StrictJSON

extension ProvisionRequest {
  /// Reads the body of a provision request. Throws `validation` with every fault at once.
  init(parsing body: JSONObject) throws(ServiceError) {
    var reader = MemberReader(body)
    let name = reader.name()
    let labels = reader.labels()
    let runnerGroupID = reader.runnerGroupID()
    let ephemeral = reader.flag("ephemeral") ?? true
    let disableUpdate = reader.flag("disable_update") ?? false
    let approvalID = reader.approvalID()
    reader.refuseOthers()
    guard let name, reader.errors.isEmpty else { throw .validation(reader.errors) }
    self.init(
      name: name, labels: Label.withoutDuplicates(labels), runnerGroupID: runnerGroupID,
      ephemeral: ephemeral, disableUpdate: disableUpdate, approvalID: approvalID)
  }
}

extension MemberReader {
  fileprivate mutating func name() -> ProvisionRequest.Name? {
    let exact = member("runner_name")
    let prefix = member("runner_name_prefix")
    switch (exact, prefix) {
    case (let exact?, nil):
      guard let name = exact.string.flatMap(RunnerName.init) else {
        fail(
          "runner_name",
          "must be 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with -, and not . or ..")
        return nil
      }
      return .exactly(name)
    case (nil, let prefix?):
      guard let prefix = prefix.string.flatMap(RunnerNamePrefix.init) else {
        fail(
          "runner_name_prefix",
          "must be 1 to \(RunnerNamePrefix.maximumLength) of A-Z a-z 0-9 . _ -, not beginning with -"
        )
        return nil
      }
      return .generated(prefix)
    case (nil, nil):
      fail("runner_name", "is required, unless runner_name_prefix is given")
    case (_?, _?):
      fail("runner_name_prefix", "cannot be given together with runner_name")
    }
    return nil
  }

  fileprivate mutating func approvalID() -> String? {
    optional(
      "approval_id", { $0.string.flatMap { (1...64).contains($0.utf8.count) ? $0 : nil } },
      "must be the approval_id of an answer")
  }

  fileprivate mutating func labels() -> [Label] {
    elements("labels", atMost: Label.maximumCount) { text throws(Fault) in
      guard let label = Label(text) else {
        throw Fault(
          "must be a string of 1 to \(Label.maximumLength) of A-Z a-z 0-9 . _ -, not beginning with -"
        )
      }
      return label
    }
  }

  fileprivate mutating func runnerGroupID() -> Int64? {
    guard let value = member("runner_group_id") else { return nil }
    guard let id = value.integer, id > 0 else {
      fail("runner_group_id", "must be a positive whole number")
      return nil
    }
    return id
  }
}
