/// What a caller asks for, in valid form.
public struct ProvisionRequest: Sendable, Equatable {
  /// How the runner is to be called: as the caller says, or with a random rest after the caller's prefix.
  public enum Name: Sendable, Equatable {
    /// The name itself.
    case exactly(RunnerName)
    /// What it begins with.
    case generated(RunnerNamePrefix)
  }

  /// The runner's name, or what it is to begin with.
  public var name: Name
  /// Without duplicates.
  public var labels: [Label]
  /// nil asks for the default group.
  public var runnerGroupID: Int64?
  /// Whether GitHub takes it off its list after one job. Always for JIT.
  public var ephemeral: Bool
  /// Whether the runner is not to update its software by itself.
  public var disableUpdate: Bool
  /// Of a JIT runner; nil asks for the standard one.
  public var workFolder: WorkFolder?
  /// The approval that it is made on; not part of what is asked for.
  public var approvalID: String?

  public init(
    name: Name, labels: [Label] = [], runnerGroupID: Int64? = nil, ephemeral: Bool = true,
    disableUpdate: Bool = false, workFolder: WorkFolder? = nil,
    approvalID: String? = nil
  ) {
    self.name = name
    self.labels = labels
    self.runnerGroupID = runnerGroupID
    self.ephemeral = ephemeral
    self.disableUpdate = disableUpdate
    self.workFolder = workFolder
    self.approvalID = approvalID
  }
}

/// One fault in what a caller sent.
public struct FieldError: Sendable, Equatable {
  /// The member's name, with an index into an array: `labels[2]`.
  public let field: String
  /// What it should be.
  public let message: String

  /// What is wrong with this member of the body, as the caller wrote its name.
  public init(_ field: String, _ message: String) {
    self.field = field
    self.message = message
  }
}
