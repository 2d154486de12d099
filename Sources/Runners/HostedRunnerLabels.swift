extension Label {
  /// What the labels of GitHub's hosted runners begin with: `ubuntu-24.04-arm`, `windows-latest`, `macos-15-xlarge`. By
  /// prefix, since GitHub adds to them with each system release.
  private static let hostedRunnerPrefixes = ["ubuntu-", "windows-", "macos-"]

  /// Whether it is, or may become, a label of GitHub's hosted runners. A self-hosted runner with such a label draws jobs
  /// whose authors expect a machine of GitHub's.
  ///
  /// A larger runner that an organization gave a name of its own is not known here: its label is that name.
  public var isOfHostedRunners: Bool {
    let folded = description.lowercased()
    return Self.hostedRunnerPrefixes.contains { folded.hasPrefix($0) }
  }
}
