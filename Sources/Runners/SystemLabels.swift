extension Label {
  /// The label of every self-hosted runner that `config.sh` registers.
  public static let selfHosted = Label(unchecked: "self-hosted")

  /// Labels that `config.sh` gives a runner by itself. A fixed set, compared whole.
  public static let system: Set<Label> = Set(
    ["self-hosted", "linux", "windows", "macos", "x64", "x86", "arm", "arm64"].compactMap(
      Label.init))
}
