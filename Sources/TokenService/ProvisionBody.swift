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
    reader.refuseOthers()
    guard let name, reader.errors.isEmpty else { throw .validation(reader.errors) }
    self.init(
      name: name, labels: Label.withoutDuplicates(labels), runnerGroupID: runnerGroupID,
      ephemeral: ephemeral, disableUpdate: disableUpdate)
  }
}

/// Reads members one by one and gathers what is wrong with them.
private struct MemberReader {
  private let body: JSONObject
  private var known: [String] = []
  private(set) var errors: [FieldError] = []

  init(_ body: JSONObject) {
    self.body = body
  }

  private mutating func member(_ name: String) -> JSONValue? {
    known.append(name)
    return body[name]
  }

  private mutating func fail(_ field: String, _ message: String) {
    errors.append(FieldError(field, message))
  }

  mutating func name() -> ProvisionRequest.Name? {
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

  mutating func labels() -> [Label] {
    guard let value = member("labels") else { return [] }
    guard let elements = value.array else {
      fail("labels", "must be an array of strings")
      return []
    }
    guard elements.count <= Label.maximumCount else {
      fail("labels", "must have at most \(Label.maximumCount) elements")
      return []
    }
    var labels: [Label] = []
    for (index, element) in elements.enumerated() {
      if let label = element.string.flatMap(Label.init) {
        labels.append(label)
      } else {
        fail(
          "labels[\(index)]",
          "must be a string of 1 to \(Label.maximumLength) of A-Z a-z 0-9 . _ -, not beginning with -"
        )
      }
    }
    return labels
  }

  mutating func runnerGroupID() -> Int64? {
    guard let value = member("runner_group_id") else { return nil }
    guard let id = value.integer, id > 0 else {
      fail("runner_group_id", "must be a positive whole number")
      return nil
    }
    return id
  }

  mutating func flag(_ name: String) -> Bool? {
    guard let value = member(name) else { return nil }
    guard let flag = value.bool else {
      fail(name, "must be true or false")
      return nil
    }
    return flag
  }

  /// So that a typo never silently widens a request.
  mutating func refuseOthers() {
    for member in body.members where !known.contains(where: { $0.hasSameUTF8(as: member.name) }) {
      fail(String(member.name.prefix(64)), "is not a member of this request")
    }
  }
}
