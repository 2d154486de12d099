extension Runner {
  /// Whether a runner of this name at GitHub is what an attempt to provision this one left there: GitHub made a JIT runner
  /// and its answer was lost. What it connects with was handed to nobody, so it can never have connected, and it has
  /// just the labels that were asked for. Anything else is somebody else's runner and none of our business.
  ///
  /// - Parameters:
  ///   - names: of its labels, as GitHub shows them.
  ///   - isOnline: as GitHub shows it.
  ///   - os: as GitHub shows it; `unknown` for a runner that has never connected.
  public func leftBehind(labels names: [String], isOnline: Bool, os: String?) -> Bool {
    provisioning == .jit && !isIssued && !isOnline && os == "unknown"
      && Set(names.map { $0.lowercased() })
        == Set(labels.map { $0.description.lowercased() }).union(["self-hosted"])
  }
}
