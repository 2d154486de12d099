/// A self-hosted runner as GitHub keeps it.
struct Runner: Sendable {
  /// How it came to be.
  enum Origin: Sendable {
    case registrationToken(String)
    case jitConfig(String)
  }

  struct Label: Sendable, Encodable {
    enum Kind: String, Sendable, Encodable {
      case readOnly = "read-only"
      case custom
    }

    /// Always 0: organizations' label ids mean nothing.
    let id = 0
    let name: String
    let type: Kind

    private enum CodingKeys: CodingKey {
      case id, name, type
    }
  }

  let id: Int
  let name: String
  /// `unknown` until a runner has connected for the first time.
  var os: String
  var isOnline = false
  var isBusy = false
  var labels: [Label]
  var groupID: Int
  var isEphemeral: Bool
  var origin: Origin
}

extension Runner.Label {
  /// Without repetitions: the first of several spellings stays.
  static func unique(_ names: [String], type: Kind) -> [Runner.Label] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0.lowercased()).inserted }
      .map { Runner.Label(name: $0, type: type) }
  }
}

/// GitHub's JSON for a runner. Its lists leave out group, version and whether the runner is
/// ephemeral.
struct RunnerAnswer: Encodable {
  let id: Int
  let name: String
  let os: String
  let status: String
  let busy: Bool
  let labels: [Runner.Label]
  var runnerGroupID: Int?

  init(_ runner: Runner, withGroup: Bool = false) {
    id = runner.id
    name = runner.name
    os = runner.os
    status = runner.isOnline ? "online" : "offline"
    busy = runner.isBusy
    labels = runner.labels
    runnerGroupID = withGroup ? runner.groupID : nil
  }
}

/// The runners of the organization, found by id and by name. Names are unique without regard to
/// case.
struct RunnerRegistry: Sendable {
  private var runners: [Int: Runner] = [:]
  private var ids: [String: Int] = [:]
  private var lastID = 545_600
  /// The ids in the order of the names, with the names that they were sorted by: sorting anew for each page of a long list
  /// takes longer than all else.
  private var order: [(name: String, id: Int)] = []

  /// In the order of their names, as GitHub lists them.
  var sorted: [Runner] { order.compactMap { runners[$0.id] } }

  private func position(of name: String) -> Int {
    var (low, high) = (0, order.count)
    while low < high {
      let middle = (low + high) / 2
      if order[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low
  }

  subscript(id: Int) -> Runner? { runners[id] }

  subscript(name: String) -> Runner? {
    ids[name.lowercased()].flatMap { runners[$0] }
  }

  /// Ids are never used twice, names are free again after removal.
  mutating func nextID() -> Int {
    lastID += 1
    return lastID
  }

  /// Adds a runner, or changes the one with this id.
  mutating func store(_ runner: Runner) {
    let name = runner.name.lowercased()
    if runners.updateValue(runner, forKey: runner.id) == nil {
      order.insert((name, runner.id), at: position(of: name))
    }
    ids[name] = runner.id
  }

  mutating func remove(_ runner: Runner) {
    let name = runner.name.lowercased()
    if runners.removeValue(forKey: runner.id) != nil { order.remove(at: position(of: name)) }
    ids[name] = nil
  }

  /// The runner that this JIT config belongs to.
  func runner(jitConfig: String) -> Runner? {
    runners.values.first { runner in
      guard case .jitConfig(jitConfig) = runner.origin else { return false }
      return true
    }
  }
}
