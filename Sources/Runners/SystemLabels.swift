extension Label {
  /// The label of every self-hosted runner that `config.sh` registers.
  public static let selfHosted = Label(unchecked: "self-hosted")

  /// Labels that `config.sh` gives a runner by itself. A fixed set, compared whole.
  public static let system: Set<Label> = Set(
    ["self-hosted", "linux", "windows", "macos", "x64", "x86", "arm", "arm64"].compactMap(
      Label.init))
}

extension Runner {
  /// Whether a runner that GitHub shows with these labels can be this one: apart from the system's labels they must be
  /// those that were granted. A name alone proves nothing, since anybody with a registration token can take any.
  public func canBe(labeled names: [String]) -> Bool {
    let shown = names.compactMap(Label.init)
    guard shown.count == names.count else { return false }
    return Set(shown).subtracting(Label.system) == Set(labels).subtracting(Label.system)
  }
}
