/// What the GitHub App has to be allowed, and to be told of, for the service to do its work. Pure.
struct AppRequirements {
  private enum Level: String, Comparable {
    case read, write, admin

    private var rank: Int {
      switch self {
      case .read: 0
      case .write: 1
      case .admin: 2
      }
    }

    static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
  }

  private let permissions: [(name: String, level: Level)]
  private let events: [String]

  /// - Parameter receivesWebhooks: whether GitHub is to tell us when a runner's job begins and ends.
  init(receivesWebhooks: Bool) {
    let always = (name: "organization_self_hosted_runners", level: Level.write)
    permissions = receivesWebhooks ? [always, (name: "actions", level: .read)] : [always]
    events = receivesWebhooks ? ["workflow_job"] : []
  }

  /// What of it the App, or its installation, lacks, as GitHub names it: `actions: read`.
  func missing(permissions granted: [String: String]) -> [String] {
    permissions.filter { needed in
      guard let level = granted[needed.name].flatMap(Level.init) else { return true }
      return level < needed.level
    }.map { "\($0.name): \($0.level.rawValue)" }
  }

  /// The events to which the App is not subscribed.
  func missing(events subscribed: [String]) -> [String] {
    events.filter { !subscribed.contains($0) }
  }
}
