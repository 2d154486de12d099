/// A runner as GitHub shows it, as far as it matters here.
public struct ListedRunner: Sendable, Equatable, Codable {
  /// Unique in the organization.
  public let id: Int64
  /// As GitHub spells it; compared without regard to case.
  public let name: String
  /// `unknown` for a runner that has never connected.
  public let os: String?
  /// Whether it is connected.
  public let isOnline: Bool
  /// Whether it has a job.
  public let isBusy: Bool
  /// Names, those that GitHub adds by itself among them.
  public let labels: [String]
  /// GitHub's id of its group; nil where the answer does not show it.
  public let runnerGroupID: Int64?
  /// Whether GitHub takes it off its list after one job; nil where the answer does not show it.
  public let isEphemeral: Bool?

  public init(
    id: Int64, name: String, os: String?, isOnline: Bool, isBusy: Bool, labels: [String],
    runnerGroupID: Int64? = nil, isEphemeral: Bool? = nil
  ) {
    self.id = id
    self.name = name
    self.os = os
    self.isOnline = isOnline
    self.isBusy = isBusy
    self.labels = labels
    self.runnerGroupID = runnerGroupID
    self.isEphemeral = isEphemeral
  }

  /// What this answer does not show of that which is granted; named as GitHub does.
  public var missingMembers: [String] {
    [
      runnerGroupID == nil ? "runner_group_id" : nil, isEphemeral == nil ? "ephemeral" : nil,
    ].compactMap(\.self)
  }

  /// GitHub's own larger hosted runners are in the organization's list, with no labels. `config.sh` makes no runner that has
  /// none.
  public var isHostedByGitHub: Bool { labels.isEmpty }
}
