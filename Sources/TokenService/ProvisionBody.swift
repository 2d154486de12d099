import Runners
import StrictJSON

extension ProvisionRequest {
  /// Reads the body of a provision request. Its labels are those to be granted. Throws `validation` with every fault at
  /// once.
  init(parsing body: JSONObject, for kind: Provisioning) throws(ServiceError) {
    var reader = MemberReader(body)
    let name = reader.name()
    let labels = reader.labels(for: kind)
    let runnerGroupID = reader.runnerGroupID()
    let ephemeral = reader.flag("ephemeral") ?? true
    let disableUpdate = reader.flag("disable_update") ?? false
    let workFolder = kind == .jit ? reader.workFolder() : nil
    if kind == .jit { reader.refuseWhatJITCannot(ephemeral: ephemeral, disableUpdate) }
    let approvalID = reader.approvalID()
    reader.refuseOthers()
    guard let name, reader.errors.isEmpty else { throw .validation(reader.errors) }
    self.init(
      name: name, labels: labels, runnerGroupID: runnerGroupID,
      ephemeral: ephemeral, disableUpdate: disableUpdate, workFolder: workFolder,
      approvalID: approvalID)
  }
}

extension MemberReader {
  fileprivate mutating func name() -> ProvisionRequest.Name? {
    let exact = member("runner_name")
    let prefix = member("runner_name_prefix")
    switch (exact, prefix) {
    case (let exact?, nil):
      return name(exact).map(ProvisionRequest.Name.exactly)
    case (nil, let prefix?):
      return self.prefix(prefix).map(ProvisionRequest.Name.generated)
    case (nil, nil):
      fail("runner_name", "is required, unless runner_name_prefix is given")
    case (let exact?, let prefix?):
      // Whichever of them goes, the other is to be right.
      _ = name(exact)
      _ = self.prefix(prefix)
      fail("runner_name_prefix", "cannot be given together with runner_name")
    }
    return nil
  }

  private mutating func name(_ value: JSONValue) -> RunnerName? {
    guard let name = value.string.flatMap(RunnerName.init) else {
      fail(
        "runner_name",
        "must be 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with -, and not . or ..")
      return nil
    }
    return name
  }

  private mutating func prefix(_ value: JSONValue) -> RunnerNamePrefix? {
    guard let prefix = value.string.flatMap(RunnerNamePrefix.init) else {
      fail(
        "runner_name_prefix",
        "must be 1 to \(RunnerNamePrefix.maximumLength) of A-Z a-z 0-9 . _ -, not beginning with -"
      )
      return nil
    }
    return prefix
  }

  fileprivate mutating func approvalID() -> String? {
    optional(
      "approval_id", { $0.string.flatMap { (1...64).contains($0.utf8.count) ? $0 : nil } },
      "must be the approval_id of an answer")
  }

  fileprivate mutating func labels(for kind: Provisioning) -> [Label] {
    let granted = kind.granted(Label.withoutDuplicates(labels()))
    if granted.count > Label.maximumCount {
      fail("labels", "must have at most \(Label.maximumCount) elements, self-hosted among them")
    }
    return granted
  }

  private mutating func labels() -> [Label] {
    elements("labels", atMost: Label.maximumCount) { text throws(Fault) in
      guard let label = Label(text) else {
        throw Fault("must be a string of \(Label.rule)")
      }
      return label
    }
  }

  fileprivate mutating func workFolder() -> WorkFolder? {
    guard let value = member("work_folder") else { return .standard }
    guard let folder = value.string.flatMap(WorkFolder.init) else {
      fail(
        "work_folder",
        "must be a relative path of 1 to \(WorkFolder.maximumLength) of A-Z a-z 0-9 . _ - /, not beginning with -, and without .."
      )
      return nil
    }
    return folder
  }

  /// GitHub would not do it, and whoever asks must not believe that it did.
  fileprivate mutating func refuseWhatJITCannot(ephemeral: Bool, _ disableUpdate: Bool) {
    if !ephemeral {
      fail("ephemeral", "must be true, or left out: a JIT runner is always ephemeral")
    }
    if disableUpdate {
      fail(
        "disable_update", "must be false, or left out: GitHub takes no such wish for JIT runners")
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
